// libcni ADD|CHECK|DEL CONFLIST CONTAINER NETNS IFNAME [KEY=VALUE...]: drives plugins with the runtime library that Kubernetes and others use.
// Prints ADD's result. CNI_PATH and CACHE_DIR are variables; the other words become CNI_ARGS.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/containernetworking/cni/libcni"
)

func run() error {
	list, err := libcni.ConfListFromFile(os.Args[2])
	if err != nil {
		return err
	}
	config := libcni.NewCNIConfigWithCacheDir(filepath.SplitList(os.Getenv("CNI_PATH")), os.Getenv("CACHE_DIR"), nil)
	rt := &libcni.RuntimeConf{ContainerID: os.Args[3], NetNS: os.Args[4], IfName: os.Args[5]}
	for _, word := range os.Args[6:] {
		pair := strings.SplitN(word, "=", 2)
		rt.Args = append(rt.Args, [2]string{pair[0], pair[1]})
	}
	ctx := context.Background()
	if _, err := config.ValidateNetworkList(ctx, list); err != nil {
		return err
	}
	switch os.Args[1] {
	case "ADD":
		result, err := config.AddNetworkList(ctx, list, rt)
		if err != nil {
			return err
		}
		return result.Print()
	case "CHECK":
		return config.CheckNetworkList(ctx, list, rt)
	case "DEL":
		return config.DelNetworkList(ctx, list, rt)
	}
	return fmt.Errorf("unknown command %s", os.Args[1])
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
