package dbuswire

import "errors"

// The ways in which [Parse] fails.
var (
	// ErrNotDBus is returned for bytes that don't begin as a message of the
	// D-Bus protocol's version 1 does.
	ErrNotDBus = errors.New("not a D-Bus message")
	// ErrTruncated is returned where the capture ends within the header.
	// What was found before comes with it.
	ErrTruncated = errors.New("D-Bus header is cut off")
	// ErrInvalid is returned for a message that breaks the specification.
	ErrInvalid = errors.New("invalid D-Bus message")
)

// invalidError is a reason for [ErrInvalid]. It is a constant, so that a
// stream of bad messages costs no allocation.
type invalidError string

const (
	errSerial       invalidError = "serial is zero"
	errTooLong      invalidError = "length exceeds the limit"
	errOverrun      invalidError = "value exceeds its container"
	errTrailing     invalidError = "bytes follow the last value"
	errPadding      invalidError = "padding is not zero"
	errUnterminated invalidError = "string is not terminated"
	errText         invalidError = "string is not UTF-8 without NUL"
	errSignature    invalidError = "malformed signature"
	errBoolean      invalidError = "boolean is neither 0 nor 1"
	errTooDeep      invalidError = "containers are nested too deeply"
	errField        invalidError = "header field of code zero"
	errFieldType    invalidError = "header field of the wrong type"
	errFieldTwice   invalidError = "header field appears twice"
	errFieldMissing invalidError = "required header field is missing"
	errObjectPath   invalidError = "malformed object path"
	errInterface    invalidError = "malformed interface name"
	errMember       invalidError = "malformed member name"
	errErrorName    invalidError = "malformed error name"
	errBusName      invalidError = "malformed bus name"
	errBodyUntyped  invalidError = "body without a signature"
)

func (e invalidError) Error() string { return ErrInvalid.Error() + ": " + string(e) }

// Is makes every reason an [ErrInvalid].
func (invalidError) Is(target error) bool { return target == ErrInvalid }
