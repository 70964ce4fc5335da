package vmtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nsblame/nsblame/internal/vmtest/scenario"
)

// recordingName is the file that keep writes a scenario's recording to.
const recordingName = "recording.avro"

// CorpusOptions say what becomes a corpus of recordings.
type CorpusOptions struct {
	// From is a directory that was kept, To the directory of the recordings.
	From, To string
	// Add leaves other recordings where they are, which are removed otherwise.
	Add bool
}

// Corpus copies the recordings of the scenarios that passed. A scenario that left
// no recording, or several, or that is not for the corpus, is left out. It returns
// the names of the files.
func Corpus(o CorpusOptions) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(o.From, "*", "*", recordingName))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: no recordings in it", o.From)
	}
	out, err := keptOut()
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	var names []string
	for _, path := range found {
		if out[filepath.Base(filepath.Dir(path))] {
			continue
		}
		name := corpusName(filepath.Dir(path))
		if files[name], err = passedRecording(path); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	if err := os.MkdirAll(o.To, 0o755); err != nil {
		return nil, err
	}
	if !o.Add {
		if err := removeOthers(o.To, files); err != nil {
			return nil, err
		}
	}
	var errs []error
	for name, data := range files {
		errs = append(errs, os.WriteFile(filepath.Join(o.To, name), data, 0o644))
	}
	return names, errors.Join(errs...)
}

// keptOut returns the scenarios that are not for the corpus.
func keptOut() (map[string]bool, error) {
	all, err := allScenarios()
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, s := range all {
		out[s.Name] = s.NoCorpus != ""
	}
	return out, nil
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

// removeOthers removes the recordings in a directory that are not among the files.
func removeOthers(dir string, files map[string][]byte) error {
	old, err := filepath.Glob(filepath.Join(dir, "*"+filepath.Ext(recordingName)))
	if err != nil {
		return err
	}
	var errs []error
	for _, path := range old {
		if files[filepath.Base(path)] == nil {
			errs = append(errs, os.Remove(path))
		}
	}
	return errors.Join(errs...)
}
