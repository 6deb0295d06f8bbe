// Package v20170312 stands in for the Tencent SDK: every call refuses, so that nobody takes the bed's flannel for a
// build that can talk to that cloud.
package v20170312

import "errors"

var errLeftOut = errors.New("the Tencent cloud backend is left out of this build")

type Client struct{}

type Filter struct {
	Name   *string
	Values []*string
}

type Route struct {
	RouteId              *uint64
	DestinationCidrBlock *string
	GatewayType          *string
	GatewayId            *string
	RouteType            *string
	Enabled              *bool
}

type RouteTable struct {
	RouteTableId *string
	RouteSet     []*Route
}

type DescribeRouteTablesRequest struct{ Filters []*Filter }

type DescribeRouteTablesResponse struct {
	Response *struct{ RouteTableSet []*RouteTable }
}

type routesRequest struct {
	RouteTableId *string
	Routes       []*Route
}

type (
	CreateRoutesRequest  routesRequest
	DeleteRoutesRequest  routesRequest
	CreateRoutesResponse struct{}
	DeleteRoutesResponse struct{}
)

func NewClientWithSecretId(_, _, _ string) (*Client, error) { return &Client{}, errLeftOut }

func NewDescribeRouteTablesRequest() *DescribeRouteTablesRequest {
	return &DescribeRouteTablesRequest{}
}
func NewCreateRoutesRequest() *CreateRoutesRequest { return &CreateRoutesRequest{} }
func NewDeleteRoutesRequest() *DeleteRoutesRequest { return &DeleteRoutesRequest{} }

func (*Client) DescribeRouteTables(*DescribeRouteTablesRequest) (*DescribeRouteTablesResponse, error) {
	return nil, errLeftOut
}
func (*Client) CreateRoutes(*CreateRoutesRequest) (*CreateRoutesResponse, error) {
	return nil, errLeftOut
}
func (*Client) DeleteRoutes(*DeleteRoutesRequest) (*DeleteRoutesResponse, error) {
	return nil, errLeftOut
}
