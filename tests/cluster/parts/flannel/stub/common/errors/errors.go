// Package errors holds the one type of the Tencent SDK that flannel asserts on.
package errors

// TencentCloudSDKError is never made here.
type TencentCloudSDKError struct{ Message string }

func (e *TencentCloudSDKError) Error() string { return e.Message }
