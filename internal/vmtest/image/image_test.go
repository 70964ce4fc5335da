package image

import (
	"slices"
	"testing"
)

func TestMirrors(t *testing.T) {
	bookworm, err := FindRelease("bookworm")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, targets string
		want          []string
	}{
		{"no Debian among the sources", "", nil},
		{
			"main and security",
			"http://mirror.example/debian/ bookworm\nhttp://mirror.example/debian/ bookworm-updates\nhttp://mirror.example/debian-security/ bookworm-security\n",
			[]string{
				"deb http://mirror.example/debian/ bookworm main",
				"deb http://mirror.example/debian/ bookworm-updates main",
				"deb http://mirror.example/debian-security/ bookworm-security main",
			},
		},
		{
			"another release and no security",
			"http://mirror.example/debian/ trixie\n",
			[]string{
				"deb http://mirror.example/debian/ bookworm main",
				"deb http://mirror.example/debian/ bookworm-updates main",
			},
		},
		{"security alone", "http://mirror.example/debian-security/ bookworm-security\n", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := parseMirrors(tc.targets).sources(bookworm); !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestFindRelease(t *testing.T) {
	if _, err := FindRelease("buzz"); err == nil {
		t.Error("an unknown release must be an error")
	}
	hashes := map[string]string{}
	for _, r := range releases {
		if other, ok := hashes[recipeHash(r)]; ok {
			t.Errorf("%s and %s share a recipe", r.Name, other)
		}
		hashes[recipeHash(r)] = r.Name
	}
}
