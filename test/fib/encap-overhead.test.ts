import t from 'tap'
import { advmssOf, encapOverhead, kernelHeadroom } from '../../src/fib/encap-overhead.ts'

t.test('RFC 8986 §5.1: H.Encaps adds an IPv6 header and an SRH with every segment', async (t) => {
  t.equal(encapOverhead('encap', 1), 40 + 24)
  t.equal(encapOverhead('encap', 3), 40 + 8 + 48)
})

t.test(
  'RFC 8986 §5.2: H.Encaps.Red leaves the first segment out, and an SRH of none',
  async (t) => {
    t.equal(encapOverhead('encap.red', 1), 40)
    t.equal(encapOverhead('encap.red', 2), 40 + 24)
    t.equal(encapOverhead('encap.red', 3), 40 + 8 + 32)
  },
)

t.test('Linux counts the whole SRH in either mode', async (t) => {
  t.equal(kernelHeadroom(1), 64)
  t.equal(kernelHeadroom(2), 80)
})

t.test('RFC 9293 §3.7.1: the MSS is the MTU less IP and TCP headers', async (t) => {
  t.equal(advmssOf(1460, 4), 1420)
  t.equal(advmssOf(1460, 6), 1400)
})
