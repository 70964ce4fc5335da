package render

// inWords is a code in the words of a table, or as it is where the table has none.
func inWords[K ~string](table map[K]string, code K) string {
	if text, ok := table[code]; ok {
		return text
	}
	return string(code)
}
