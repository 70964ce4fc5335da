package render

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/internal/event"
)

// TestDumpIsHarmless: whatever a recording holds, a line of a dump is one JSON
// object that a terminal shows as it is, and no byte of a text is lost.
func TestDumpIsHarmless(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		name, data := anyString().Draw(rt, "name"), []byte(anyString().Draw(rt, "data"))
		var out bytes.Buffer
		d := NewDumper(&out)
		err := d.Event(event.Event{BootNS: 1, Body: &event.BusMessage{Data: data}}, "BusMessage", func() error {
			d.Field("name", name)
			d.Field("none", nil)
			d.Field("errno", uint64(28))
			d.Field("offset", int64(-1))
			d.Field("set", true)
			d.Field("data", data)
			d.Record("inner")
			d.Field("list", []string{name, ""})
			d.EndRecord()
			d.List("rows")
			for range 2 {
				d.Record("")
				d.Field("n", uint64(1))
				d.EndRecord()
			}
			d.EndList()
			return nil
		})
		if err != nil {
			rt.Fatal(err)
		}
		harmless(rt, out.String())
		var line struct {
			Name       string
			NameBase64 string `json:"name_base64"`
			Data       []byte `json:"data_base64"`
			Error      string
			Rows       []struct{ N int }
		}
		if err := json.Unmarshal(out.Bytes(), &line); err != nil {
			rt.Fatalf("%v: %s", err, out.Bytes())
		}
		if raw, err := base64.StdEncoding.DecodeString(line.NameBase64); err != nil || line.NameBase64 == "" && line.Name != name || line.NameBase64 != "" && string(raw) != name {
			rt.Fatalf("%q became %+v", name, line)
		}
		if !bytes.Equal(line.Data, data) || line.Error != "ENOSPC" || len(line.Rows) != 2 {
			rt.Fatalf("%+v", line)
		}
	})
}
