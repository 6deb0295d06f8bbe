// Package common stands in for the Tencent SDK, which the module proxy does not serve. These few work: flannel calls
// them before it sends a request.
package common

// StringPtr points at a copy of v.
func StringPtr(v string) *string { return &v }

// BoolPtr points at a copy of v.
func BoolPtr(v bool) *bool { return &v }

// StringPtrs points at each of the values.
func StringPtrs(values []string) []*string {
	out := make([]*string, len(values))
	for i := range values {
		out[i] = &values[i]
	}
	return out
}
