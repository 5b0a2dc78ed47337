// Asks for each name that it is given, by Go's own resolver, and says what came back. A name that took longer than a
// resolver may is marked.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

func ask(name string) string {
	resolver := net.Resolver{PreferGo: true}
	found, err := resolver.LookupIP(context.Background(), "ip4", name)
	var failure *net.DNSError
	switch {
	case err == nil && len(found) == 1:
		return found[0].String()
	case err == nil:
		return fmt.Sprint(len(found), " addresses")
	case !errors.As(err, &failure):
		return err.Error()
	case failure.IsNotFound:
		return "not found"
	case failure.IsTimeout:
		return "timeout"
	default:
		return failure.Err
	}
}

func main() {
	for _, name := range os.Args[1:] {
		begun, late := time.Now(), ""
		label, _, _ := strings.Cut(name, ".")
		result := ask(name)
		// One or two questions, asked once, for a second each, and what a busy machine takes.
		if time.Since(begun) > 7*time.Second {
			late = " late"
		}
		fmt.Printf("%s: %s%s\n", label, result, late)
	}
}
