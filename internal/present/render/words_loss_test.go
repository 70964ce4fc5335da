package render

import (
	"testing"

	"github.com/nsblame/nsblame/internal/event"
)

// Every kind of loss has words, and no words are left of one that is gone.
func TestEveryLossHasWords(t *testing.T) {
	for _, kind := range event.LossKinds() {
		if lossWords[kind] == "" {
			t.Errorf("no words for %s", kind)
		}
	}
	for _, code := range []event.DamageCode{event.DamageTooMuch, event.DamageImpossible} {
		if damageWords[code] == "" {
			t.Errorf("no words for %s", code)
		}
	}
	if got, want := len(lossWords), len(event.LossKinds()); got != want {
		t.Errorf("words for %d kinds, want %d", got, want)
	}
}
