package otlphttp

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	collogs "go.opentelemetry.io/proto/slim/otlp/collector/logs/v1"
	logs "go.opentelemetry.io/proto/slim/otlp/logs/v1"
	"google.golang.org/protobuf/proto"
)

// kind is what an answer means for the records that were sent.
type kind int

const (
	taken    kind = iota // the collector has them, but for rejected
	retry                // they are to be sent again
	refused              // they are never to be sent again
	tooLarge             // fewer of them may pass
)

// response is an answer of the collector, or why there is none.
type response struct {
	kind     kind
	rejected uint64
	after    time.Duration // what Retry-After says, 0 for nothing
	text     string        // for the user
}

// maxAnswer bounds what is read of an answer in bytes, maxText what is shown of it.
const (
	maxAnswer = 64 << 10
	maxText   = 200
)

// NewClient returns a client for a Sender, which takes so long at most for a request.
func NewClient(transport http.RoundTripper, timeout time.Duration) *http.Client {
	return &http.Client{
		Transport: transport, Timeout: timeout,
		// a redirect would take the headers, and so the credentials, elsewhere
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// post sends a batch.
func (s *Sender) post(batch [][]byte) response {
	body, err := encode(batch)
	if err != nil {
		return response{kind: refused, text: err.Error()}
	}
	req, err := http.NewRequestWithContext(s.ctx, http.MethodPost, s.opt.URL, bytes.NewReader(body))
	if err != nil {
		return response{kind: refused, text: withoutURL(err).Error()}
	}
	header := s.opt.Header
	if s.opt.Headers != nil {
		header = s.opt.Headers()
	}
	for name, values := range header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Content-Encoding", "gzip")
	req.Header.Set("User-Agent", "nsblame")
	resp, err := s.opt.Client.Do(req)
	if err != nil {
		return response{kind: retry, text: withoutURL(err).Error()}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil && resp.StatusCode/100 == 2 {
		return response{kind: retry, text: err.Error()}
	}
	return judge(resp, answer)
}

// withoutURL is an error of a request without its address, which may hold a secret.
func withoutURL(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// judge is what an answer means, by OTLP's specification: only these statuses allow
// another try.
func judge(resp *http.Response, body []byte) response {
	text := "HTTP " + strconv.Itoa(resp.StatusCode)
	if body := bytes.TrimSpace(body); len(body) > 0 && resp.StatusCode/100 != 2 {
		text += ": " + string(body[:min(len(body), maxText)])
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return response{kind: retry, text: text, after: retryAfter(resp.Header.Get("Retry-After"), time.Now())}
	case http.StatusRequestEntityTooLarge:
		return response{kind: tooLarge, text: text}
	}
	if resp.StatusCode/100 != 2 {
		return response{kind: refused, text: text}
	}
	var partial collogs.ExportLogsServiceResponse
	if err := proto.Unmarshal(body, &partial); err != nil {
		return response{kind: taken, text: "its answer can't be read, so how many records it refused is not known"}
	}
	p := partial.GetPartialSuccess()
	shown := p.GetErrorMessage()
	return response{kind: taken, rejected: uint64(max(p.GetRejectedLogRecords(), 0)), text: shown[:min(len(shown), maxText)]}
}

// retryAfter reads the header: seconds, or a date.
func retryAfter(value string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// encode is a compressed request with all records of a batch. Those in a row that are of
// the same machine share its description.
func encode(batch [][]byte) ([]byte, error) {
	var whole collogs.ExportLogsServiceRequest
	var last []byte
	for _, record := range batch {
		var one collogs.ExportLogsServiceRequest
		if err := proto.Unmarshal(record, &one); err != nil {
			return nil, fmt.Errorf("a record in the spool can't be read: %w", err)
		}
		for _, r := range one.GetResourceLogs() {
			id, err := proto.MarshalOptions{Deterministic: true}.Marshal(r.GetResource())
			if err != nil {
				return nil, err
			}
			if n := len(whole.ResourceLogs); n > 0 && bytes.Equal(id, last) && len(r.GetScopeLogs()) == 1 {
				merge(whole.ResourceLogs[n-1], r.GetScopeLogs()[0])
				continue
			}
			whole.ResourceLogs, last = append(whole.ResourceLogs, r), id
		}
	}
	raw, err := proto.Marshal(&whole)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	_, err = zip.Write(raw)
	err = errors.Join(err, zip.Close()) // before the bytes are taken
	return out.Bytes(), err
}

// merge adds the records of a scope to those of the same.
func merge(to *logs.ResourceLogs, more *logs.ScopeLogs) {
	for _, s := range to.GetScopeLogs() {
		if s.GetScope().GetName() == more.GetScope().GetName() {
			s.LogRecords = append(s.LogRecords, more.GetLogRecords()...)
			return
		}
	}
	to.ScopeLogs = append(to.ScopeLogs, more)
}
