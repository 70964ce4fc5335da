// Package export writes what is found as tables: files that DuckDB, ClickHouse and
// Spark read, a directory for each machine and day.
//
// A table is a list of columns, each with its type, its words for the documents and
// how a row has it. The forms (Parquet, Avro, CSV, NDJSON) follow from that list.
//
// Of Parquet, package parquet-go has more than is needed: it would make nsblame larger
// by a quarter. So pages are written here, of flat columns only, with that package's
// types of the file's metadata and its encodings of levels and dictionaries.
package export
