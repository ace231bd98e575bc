// Program kstatus computes the status of objects with the Go module of kstatus, as Flux does: it reads a JSON list of
// objects from standard input and writes a JSON list of {status, message} in the same order.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type computed struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "kstatus:", err)
		os.Exit(1)
	}
}

func run() error {
	var objects []*unstructured.Unstructured
	if err := json.NewDecoder(os.Stdin).Decode(&objects); err != nil {
		return fmt.Errorf("expected a JSON list of objects: %w", err)
	}
	results := make([]computed, len(objects))
	for i, object := range objects {
		result, err := status.Compute(object)
		if err != nil {
			return fmt.Errorf("object %d, %s %s: %w", i, object.GetKind(), object.GetName(), err)
		}
		results[i] = computed{result.Status.String(), result.Message}
	}
	return json.NewEncoder(os.Stdout).Encode(results)
}
