// Parses a file of BGP messages with GoBGP's packet library for some time, and prints one JSON
// object: user CPU microseconds, passes over the file, and what one pass found and allocated.
package main

import (
	"encoding/binary"
	"encoding/json"
	"log"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"github.com/osrg/gobgp/pkg/packet/bgp"
)

type result struct {
	Cpu       int64  `json:"cpu"`
	Passes    int    `json:"passes"`
	Messages  int    `json:"messages"`
	Prefixes  int    `json:"prefixes"`
	Errors    int    `json:"errors"`
	Panics    int    `json:"panics"`
	Allocated uint64 `json:"allocated"`
}

func main() {
	octets, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	wanted, err := strconv.ParseInt(os.Args[2], 10, 64)
	if err != nil {
		log.Fatal(err)
	}
	var found result
	pass(octets, &found)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := userTime()
	for found.Cpu < wanted*1000 {
		found.Messages, found.Prefixes, found.Errors, found.Panics = 0, 0, 0, 0
		pass(octets, &found)
		found.Passes++
		found.Cpu = userTime() - start
	}
	runtime.ReadMemStats(&after)
	found.Allocated = after.TotalAlloc - before.TotalAlloc
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		log.Fatal(err)
	}
}

// pass parses every message once; after a panic of the library it goes on with the next message.
func pass(octets []byte, found *result) {
	for at := 0; at < len(octets); {
		at = passFrom(octets, at, found)
	}
}

// passFrom parses messages from an offset on, looks at each of their prefixes, and says how far it
// got.
func passFrom(octets []byte, from int, found *result) (at int) {
	at = from
	defer func() {
		if recover() != nil {
			found.Panics++
		}
	}()
	for at < len(octets) {
		message := octets[at : at+int(binary.BigEndian.Uint16(octets[at+16:]))]
		at += len(message)
		found.Messages++
		parsed, err := bgp.ParseBGPMessage(message)
		if err != nil {
			found.Errors++
			continue
		}
		update := parsed.Body.(*bgp.BGPUpdate)
		found.Prefixes += len(update.NLRI) + len(update.WithdrawnRoutes)
		for _, attribute := range update.PathAttributes {
			switch a := attribute.(type) {
			case *bgp.PathAttributeMpReachNLRI:
				found.Prefixes += len(a.Value)
			case *bgp.PathAttributeMpUnreachNLRI:
				found.Prefixes += len(a.Value)
			}
		}
	}
	return at
}

func userTime() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return usage.Utime.Sec*1000000 + usage.Utime.Usec
}
