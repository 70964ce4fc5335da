package probe

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"github.com/nsblame/nsblame/internal/observe/hostroot"
)

// recordingApp is the application for which machine ids are hashed. Another one gives
// other hashes. So nobody can match what different programs say of a machine.
var recordingApp = []byte("nsblame recording\x00")

// machineID is a hash of /etc/machine-id. It tells machines apart and does not give
// the id away, which machine-id(5) asks for. It is empty if there is none.
func machineID() string {
	raw, err := hostroot.ReadFile("/etc/machine-id")
	if err != nil {
		return ""
	}
	return hashedID(raw)
}

// hashedID keys a hash with the id in the text. It is empty if that is no id: an image
// that has not been booted has "uninitialized".
func hashedID(raw []byte) string {
	id, err := hex.DecodeString(string(bytes.TrimSpace(raw)))
	if err != nil || len(id) != 16 {
		return ""
	}
	h := hmac.New(sha256.New, id)
	h.Write(recordingApp)
	return hex.EncodeToString(h.Sum(nil)[:16])
}
