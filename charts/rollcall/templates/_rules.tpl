{{/*
What Rollcall does in a namespace that holds tenants. Secrets are read by name only: without list and watch, it sees
none that a tenant does not name.
*/}}
{{- define "rollcall.tenantRules" -}}
- apiGroups: [rollcall.dev]
  resources: [scimtenants, downstreamapps]
  verbs: [get, list, watch, update, patch]
- apiGroups: [rollcall.dev]
  resources: [users, teams, membershipslices]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [rollcall.dev]
  resources: [scimtenants/status, downstreamapps/status, users/status, teams/status]
  verbs: [get, update, patch]
- apiGroups: [rollcall.dev]
  resources: [scimtenants/finalizers, downstreamapps/finalizers, users/finalizers, teams/finalizers, membershipslices/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create, update, delete]
{{ include "rollcall.leaseRules" . }}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{/* Leases keep names unique, and elect the replica that leads. */}}
{{- define "rollcall.leaseRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, list, watch, create, update, patch, delete]
{{- end -}}

{{/*
The right to bind ClusterRoles, each by its name. An empty list of names would mean every ClusterRole, so that without
names there is no rule.
*/}}
{{- define "rollcall.bindRules" -}}
{{- with .Values.rbac.bindableRoles -}}
- apiGroups: [rbac.authorization.k8s.io]
  resources: [clusterroles]
  verbs: [bind]
  resourceNames: {{ toJson . }}
{{- end -}}
{{- end -}}
