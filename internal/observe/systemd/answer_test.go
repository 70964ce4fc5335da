package systemd

import (
	"context"
	"errors"
	"testing"
)

// A question that is given up says so, and not what became of its connection.
func TestGivenUp(t *testing.T) {
	listener, c := listen(t)
	defer listener.Close() // before the manager's end is waited for
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() { // a manager that never answers
		conn, err := listener.Accept()
		cancel(errEnded)
		if err == nil {
			<-t.Context().Done()
			err = conn.Close()
		}
		ended <- err
	}()
	t.Cleanup(func() {
		if err := <-ended; err != nil {
			t.Error("the manager: ", err)
		}
	})

	err := c.ask(ctx, func(context.Context, *session, credentials) error {
		return errors.New("asked without an answer to the authentication")
	})
	if !errors.Is(err, errEnded) {
		t.Errorf("error %v, want that the trace ended", err)
	}
}
