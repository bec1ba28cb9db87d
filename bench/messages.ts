/** The messages of a stream, headers included: what the length fields say (RFC 4271 §4.1). */
export function messagesOf(octets: Uint8Array): Uint8Array[] {
  const out: Uint8Array[] = []
  for (let at = 0; at < octets.length; ) {
    const end = at + ((octets[at + 16]! << 8) | octets[at + 17]!)
    out.push(octets.subarray(at, end))
    at = end
  }
  return out
}
