package probe

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"os"
)

// recordingApp is the application for which machine ids are hashed. Another one
// gives other hashes, so that what different programs give away of a machine
// can't be brought together.
var recordingApp = []byte("nsblame recording\x00")

// machineID is a hash of /etc/machine-id that tells machines apart and doesn't
// give the id away, which machine-id(5) asks to keep to oneself. It is empty
// where there is none.
func machineID() string {
	raw, err := os.ReadFile("/etc/machine-id")
	if err != nil {
		return ""
	}
	return hashedID(raw)
}

// hashedID keys a hash with the id that the text stands for; empty for what is no id
// (an image that has not been booted has "uninitialized").
func hashedID(raw []byte) string {
	id, err := hex.DecodeString(string(bytes.TrimSpace(raw)))
	if err != nil || len(id) != 16 {
		return ""
	}
	h := hmac.New(sha256.New, id)
	h.Write(recordingApp)
	return hex.EncodeToString(h.Sum(nil)[:16])
}
