// elimity-com/scim, a third-party SCIM server library for Go, with the store of its own example: a map in memory. What
// is compared with is its protocol code; equality is found as its documentation says, by its own filter, one user after
// the other.
//
// elimity PORT
package main

import (
	"log"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/elimity-com/scim"
	"github.com/elimity-com/scim/errors"
	"github.com/elimity-com/scim/optional"
	"github.com/elimity-com/scim/schema"
)

func main() {
	users := &store{kept: map[string]*kept{}}
	server, err := scim.NewServer(&scim.ServerArgs{
		ServiceProviderConfig: &scim.ServiceProviderConfig{MaxResults: 1000, SupportFiltering: true},
		ResourceTypes: []scim.ResourceType{{
			Name: "User", Endpoint: "/Users", Schema: schema.CoreUserSchema(), Handler: users,
			SchemaExtensions: []scim.SchemaExtension{{Schema: schema.ExtensionEnterpriseUser()}},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], server))
}

// A store of users, as the example in the library's tests has one, with a lock that it leaves out.
type store struct {
	lock  sync.RWMutex
	kept  map[string]*kept
	order []string
}

type kept struct {
	attributes scim.ResourceAttributes
	changed    time.Time
}

func (s *store) Create(_ *http.Request, attributes scim.ResourceAttributes) (scim.Resource, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	id := strconv.Itoa(len(s.order))
	s.order = append(s.order, id)
	s.kept[id] = &kept{attributes, time.Now()}
	return s.kept[id].resource(id), nil
}

func (s *store) Get(_ *http.Request, id string) (scim.Resource, error) {
	s.lock.RLock()
	defer s.lock.RUnlock()
	if found, ok := s.kept[id]; ok {
		return found.resource(id), nil
	}
	return scim.Resource{}, errors.ScimErrorResourceNotFound(id)
}

func (s *store) GetAll(_ *http.Request, params scim.ListRequestParams) (scim.Page, error) {
	s.lock.RLock()
	defer s.lock.RUnlock()
	page := scim.Page{Resources: []scim.Resource{}}
	for _, id := range s.order {
		found := s.kept[id]
		if params.FilterValidator != nil && params.FilterValidator.PassesFilter(found.attributes) != nil {
			continue
		}
		page.TotalResults++
		if page.TotalResults >= params.StartIndex && len(page.Resources) < params.Count {
			page.Resources = append(page.Resources, found.resource(id))
		}
	}
	return page, nil
}

// What is not compared.

func (s *store) Replace(*http.Request, string, scim.ResourceAttributes) (scim.Resource, error) {
	return scim.Resource{}, errors.ScimError{Status: http.StatusNotImplemented}
}

func (s *store) Delete(*http.Request, string) error {
	return errors.ScimError{Status: http.StatusNotImplemented}
}

func (s *store) Patch(*http.Request, string, []scim.PatchOperation) (scim.Resource, error) {
	return scim.Resource{}, errors.ScimError{Status: http.StatusNotImplemented}
}

// A copy of what is kept: the library adds to the map that it is given.
func (k *kept) resource(id string) scim.Resource {
	attributes := make(scim.ResourceAttributes, len(k.attributes)+4)
	for name, value := range k.attributes {
		attributes[name] = value
	}
	resource := scim.Resource{ID: id, Attributes: attributes, Meta: scim.Meta{
		Created: &k.changed, LastModified: &k.changed, Version: "1",
	}}
	if external, ok := k.attributes["externalId"].(string); ok {
		resource.ExternalID = optional.NewString(external)
	}
	return resource
}
