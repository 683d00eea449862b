import com.unboundid.scim2.client.ScimService;
import com.unboundid.scim2.common.exceptions.PreconditionFailedException;
import com.unboundid.scim2.common.exceptions.ResourceConflictException;
import com.unboundid.scim2.common.exceptions.ResourceNotFoundException;
import com.unboundid.scim2.common.filters.Filter;
import com.unboundid.scim2.common.messages.ListResponse;
import com.unboundid.scim2.common.messages.PatchOperation;
import com.unboundid.scim2.common.types.Email;
import com.unboundid.scim2.common.types.EnterpriseUserExtension;
import com.unboundid.scim2.common.types.GroupResource;
import com.unboundid.scim2.common.types.Member;
import com.unboundid.scim2.common.types.Name;
import com.unboundid.scim2.common.types.ResourceTypeResource;
import com.unboundid.scim2.common.types.SchemaResource;
import com.unboundid.scim2.common.types.UserResource;
import jakarta.ws.rs.client.Client;
import jakarta.ws.rs.client.ClientBuilder;
import jakarta.ws.rs.client.ClientRequestContext;
import jakarta.ws.rs.client.ClientRequestFilter;
import jakarta.ws.rs.core.HttpHeaders;
import java.io.IOException;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.glassfish.jersey.apache.connector.ApacheConnectorProvider;
import org.glassfish.jersey.client.ClientConfig;

/**
 * The whole life of people and a group, as a Java program lives it that uses the UnboundID SDK as its guide says:
 * typed resources, filters that are built, and URLs taken from {@code meta.location}.
 *
 * <p>Prints a line per step, so that the caller can count them; the first step that fails ends it.
 */
public final class LifeCycle {
  private static final String USER = "urn:ietf:params:scim:schemas:core:2.0:User";
  private static final String GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group";
  private static final String ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

  private final ScimService scim;
  private UserResource ada;
  private UserResource grace;
  private GroupResource group;

  private LifeCycle(ScimService scim) {
    this.scim = scim;
  }

  public static void main(String[] arguments) throws Exception {
    String authorization = "Bearer " + System.getenv("SCIM_TOKEN");
    ClientRequestFilter signIn = new ClientRequestFilter() {
      @Override
      public void filter(ClientRequestContext request) throws IOException {
        request.getHeaders().putSingle(HttpHeaders.AUTHORIZATION, authorization);
      }
    };
    ClientConfig config = new ClientConfig().connectorProvider(new ApacheConnectorProvider());
    Client client = ClientBuilder.newClient(config).register(signIn);
    LifeCycle life = new LifeCycle(new ScimService(client.target(System.getenv("SCIM_URL"))));
    life.discovery();
    life.create();
    life.read();
    life.search();
    life.replace();
    life.patch();
    life.groups();
    life.delete();
    client.close();
  }

  private void discovery() throws Exception {
    var config = scim.getServiceProviderConfig();
    check("patch, filter, sort and etag are supported",
        config.getPatch().isSupported() && config.getFilter().isSupported()
            && config.getSort().isSupported() && config.getEtag().isSupported());
    Set<String> types = scim.getResourceTypes().getResources().stream()
        .map(ResourceTypeResource::getName).collect(Collectors.toSet());
    equal("resource types", Set.of("User", "Group"), types);
    equal("one resource type", "/Users", scim.getResourceType("User").getEndpoint().toString());
    Set<String> schemas = scim.getSchemas().getResources().stream()
        .map(SchemaResource::getId).collect(Collectors.toSet());
    equal("schemas", Set.of(USER, GROUP, ENTERPRISE), schemas);
    equal("one schema", "EnterpriseUser", scim.getSchema(ENTERPRISE).getName().replace(" ", ""));
  }

  private void create() throws Exception {
    UserResource wanted = new UserResource().setUserName("ada@example.com").setActive(true)
        .setName(new Name().setGivenName("Ada").setFamilyName("Lovelace"))
        .setEmails(List.of(new Email().setType("work").setPrimary(true).setValue("ada@example.com")));
    wanted.setExternalId("ext-ada");
    wanted.setExtension(new EnterpriseUserExtension().setDepartment("Engines"));
    ada = scim.create("Users", wanted);
    check("a created user has an id and a location", ada.getId() != null && ada.getMeta().getLocation() != null);
    equal("the extension of a created user", "Engines", ada.getExtension(EnterpriseUserExtension.class).getDepartment());
    grace = scim.create("Users", new UserResource().setUserName("grace@example.com"));
    check("who is created without active is active", Boolean.TRUE.equals(grace.getActive()));
    try {
      scim.create("Users", new UserResource().setUserName("ADA@example.com"));
      throw new AssertionError("a second user of the same name was created");
    } catch (ResourceConflictException conflict) {
      equal("a second user of the same name", "uniqueness", conflict.getScimError().getScimType());
    }
  }

  private void read() throws Exception {
    equal("read by id", ada, scim.retrieve("Users", ada.getId(), UserResource.class));
    equal("read by location", ada, scim.retrieve(ada.getMeta().getLocation(), UserResource.class));
    equal("read again, if it has changed", ada, scim.retrieve(ada));
    UserResource only = scim.retrieveRequest("Users", ada.getId()).attributes("userName").invoke(UserResource.class);
    check("only the attributes that are asked for",
        only.getUserName().equals("ada@example.com") && only.getName() == null && only.getId() != null);
  }

  private void search() throws Exception {
    String filter = Filter.and(Filter.eq("userName", "Ada@Example.com"), Filter.eq("active", true)).toString();
    equal("search by a filter", List.of(ada.getId()), ids(scim.search("Users", filter, UserResource.class)));
    ListResponse<UserResource> nobody =
        scim.search("Users", Filter.eq("userName", "nobody@example.com").toString(), UserResource.class);
    equal("search for nobody", 0, nobody.getTotalResults());
    String complex = Filter.hasComplexValue("emails",
        Filter.and(Filter.eq("type", "work"), Filter.co("value", "@example"))).toString();
    equal("search inside values", List.of(ada.getId()), ids(scim.search("Users", complex, UserResource.class)));
    ListResponse<UserResource> sorted = scim.searchRequest("Users").filter(Filter.sw("userName", "").toString())
        .sort("userName", com.unboundid.scim2.common.messages.SortOrder.DESCENDING).page(1, 1)
        .invoke(UserResource.class);
    equal("the first page in descending order", List.of(grace.getId()), ids(sorted));
    equal("how many there are in all", 2, sorted.getTotalResults());
    ListResponse<UserResource> posted = scim.searchRequest("Users").filter(filter).attributes("id", "userName")
        .invokePost(UserResource.class);
    equal("search by POST", List.of(ada.getId()), ids(posted));
  }

  private void replace() throws Exception {
    UserResource before = scim.retrieve("Users", ada.getId(), UserResource.class);
    ada.setDisplayName("Countess of Lovelace").getName().setFamilyName("King");
    ada = scim.replaceRequest(ada).ifMatch().invoke();
    equal("a replaced user", "King", ada.getName().getFamilyName());
    equal("the extension of a replaced user", "Engines", ada.getExtension(EnterpriseUserExtension.class).getDepartment());
    check("a replaced user has a new version", !ada.getMeta().getVersion().equals(before.getMeta().getVersion()));
    try {
      scim.replaceRequest(before).ifMatch().invoke();
      throw new AssertionError("a change of an old version was taken");
    } catch (PreconditionFailedException tooLate) {
      step("a change of an old version is refused");
    }
  }

  private void patch() throws Exception {
    ada = scim.modifyRequest("Users", ada.getId())
        .replaceValue("name.givenName", "Augusta")
        .addValues("emails", new Email().setType("home").setValue("augusta@example.com"))
        .removeValues("displayName")
        .replaceValue(ENTERPRISE + ":department", "Numbers")
        .invoke(UserResource.class);
    equal("a patched name", "Augusta", ada.getName().getGivenName());
    equal("an added value", 2, ada.getEmails().size());
    check("a removed attribute", ada.getDisplayName() == null);
    equal("a patched extension", "Numbers", ada.getExtension(EnterpriseUserExtension.class).getDepartment());
    ada = scim.modifyRequest(ada).removeValues("emails[type eq \"home\"]").invoke();
    equal("a removed value", List.of("work"), ada.getEmails().stream().map(Email::getType).toList());
    ada = scim.modifyRequest(ada).replaceValue("active", false).invoke();
    check("deactivated", Boolean.FALSE.equals(scim.retrieve(ada).getActive()));
  }

  private void groups() throws Exception {
    GroupResource wanted = new GroupResource().setDisplayName("Engineers")
        .setMembers(new Member().setValue(ada.getId()), new Member().setValue(grace.getId()));
    group = scim.create("Groups", wanted);
    equal("members of a created group", Set.of(ada.getId(), grace.getId()), members());
    equal("a member's group", List.of(group.getId()),
        scim.retrieve("Users", ada.getId(), UserResource.class).getGroups().stream().map(g -> g.getValue()).toList());
    scim.modifyRequest("Groups", group.getId())
        .addOperation(PatchOperation.remove("members[value eq \"" + ada.getId() + "\"]"))
        .invoke(GroupResource.class);
    equal("members after one was removed", Set.of(grace.getId()), members());
    scim.modifyRequest("Groups", group.getId()).addValues("members", new Member().setValue(ada.getId()))
        .invoke(GroupResource.class);
    equal("members after one was added", Set.of(ada.getId(), grace.getId()), members());
    equal("a group by its member", List.of(group.getId()),
        scim.search("Groups", Filter.eq("members.value", ada.getId()).toString(), GroupResource.class)
            .getResources().stream().map(GroupResource::getId).toList());
    GroupResource renamed = scim.retrieve("Groups", group.getId(), GroupResource.class).setDisplayName("Countesses")
        .setMembers(new Member().setValue(ada.getId()));
    group = scim.replace(renamed);
    equal("a replaced group", "Countesses", group.getDisplayName());
    equal("members of a replaced group", Set.of(ada.getId()), members());
  }

  private void delete() throws Exception {
    scim.delete(ada);
    equal("members after one was deleted", Set.of(), members());
    scim.delete("Groups", group.getId());
    scim.delete(grace.getMeta().getLocation());
    equal("nobody is left", 0, scim.search("Users", null, UserResource.class).getTotalResults());
    try {
      scim.retrieve("Groups", group.getId(), GroupResource.class);
      throw new AssertionError("a deleted group is there");
    } catch (ResourceNotFoundException gone) {
      step("a deleted group is gone");
    }
  }

  private Set<String> members() throws Exception {
    List<Member> members = scim.retrieve("Groups", group.getId(), GroupResource.class).getMembers();
    return members == null ? Set.of() : members.stream().map(Member::getValue).collect(Collectors.toSet());
  }

  private static List<String> ids(ListResponse<UserResource> found) {
    return found.getResources().stream().map(UserResource::getId).toList();
  }

  private static void equal(String step, Object expected, Object actual) {
    if (!expected.equals(actual)) {
      throw new AssertionError(step + ": expected " + expected + ", not " + actual);
    }
    step(step);
  }

  private static void check(String step, boolean holds) {
    if (!holds) {
      throw new AssertionError(step);
    }
    step(step);
  }

  private static void step(String step) {
    System.out.println("ok: " + step);
  }
}
