package vmtest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nsblame/nsblame/internal/vmtest/scenario"
)

// recordingName is the file that keep writes a scenario's recording to.
const recordingName = "recording.avro"

// Corpus copies the recordings of the scenarios that passed out of a directory
// that was kept, and replaces those in the directory to. A scenario that left no
// recording, or several, is left out. It returns the names of the files.
func Corpus(from, to string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(from, "*", "*", recordingName))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: no recordings in it", from)
	}
	files := map[string][]byte{}
	var names []string
	for _, path := range found {
		name := corpusName(filepath.Dir(path))
		if files[name], err = passedRecording(path); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, replaceRecordings(to, files)
}

// corpusName is the file in the corpus for the directory BOOT/SCENARIO.
func corpusName(dir string) string {
	name, boot := filepath.Base(dir), filepath.Base(filepath.Dir(dir))
	if boot != scenario.PlainBoot {
		name += "." + boot
	}
	return name + filepath.Ext(recordingName)
}

// passedRecording returns the recording of a scenario, which must have passed.
func passedRecording(path string) ([]byte, error) {
	failures, err := os.ReadFile(filepath.Join(filepath.Dir(path), "failures"))
	if err != nil {
		return nil, err
	}
	if len(failures) > 0 {
		return nil, fmt.Errorf("%s: the scenario failed: %s", path, failures)
	}
	return os.ReadFile(path)
}

// replaceRecordings has a directory hold these recordings and no others.
func replaceRecordings(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	old, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range old {
		if strings.HasSuffix(e.Name(), filepath.Ext(recordingName)) && files[e.Name()] == nil {
			errs = append(errs, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	for name, data := range files {
		errs = append(errs, os.WriteFile(filepath.Join(dir, name), data, fs.FileMode(0o644)))
	}
	return errors.Join(errs...)
}
