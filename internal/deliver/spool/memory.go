package spool

import "sync"

// Memory is a Queue that ends with the process.
type Memory struct {
	mu          sync.Mutex
	limit, used int
	list        [][]byte
}

// perRecord is what a record takes beside its bytes.
const perRecord = 64

// NewMemory returns a Queue of so many bytes at most.
func NewMemory(limit int) *Memory { return &Memory{limit: limit} }

// Append implements Queue. The queue keeps the slice.
func (m *Memory) Append(record []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.used+len(record)+perRecord > m.limit {
		return ErrFull
	}
	m.used += len(record) + perRecord
	m.list = append(m.list, record)
	return nil
}

// Peek implements Queue.
func (m *Memory) Peek(records, bytes int) ([][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for n < min(records, len(m.list)) {
		if bytes -= len(m.list[n]); bytes < 0 && n > 0 {
			break
		}
		n++
	}
	return m.list[:n:n], nil
}

// Ack implements Queue.
func (m *Memory) Ack(records int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.list[:records] {
		m.used -= len(r) + perRecord
	}
	rest := make([][]byte, len(m.list)-records)
	copy(rest, m.list[records:])
	m.list = rest
	return nil
}

// Len implements Queue.
func (m *Memory) Len() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return uint64(len(m.list))
}

// Sync implements Queue.
func (*Memory) Sync() error { return nil }

// Close implements Queue.
func (*Memory) Close() error { return nil }
