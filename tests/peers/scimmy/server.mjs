// SCIMMY, a third-party SCIM server library, with the smallest store there is. What is tested against is its protocol
// code; the maps below only keep what it hands over.
//
// node server.mjs PORT TOKEN

import { randomUUID } from "node:crypto";

import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const [port, token] = process.argv.slice(2);

function keep(Resource, uniqueName) {
    const kept = new Map();
    const missing = (id) => new SCIMMY.Types.Error(404, null, `Resource ${id} not found`);
    SCIMMY.Resources.declare(Resource)
        .ingress((resource, data) => {
            if (resource.id && !kept.has(resource.id)) throw missing(resource.id);
            const id = resource.id ?? randomUUID();
            const name = data[uniqueName]?.toLowerCase();
            for (const [other, { [uniqueName]: taken }] of kept) {
                if (uniqueName && other !== id && taken?.toLowerCase() === name) {
                    throw new SCIMMY.Types.Error(409, "uniqueness", `${uniqueName} is taken`);
                }
            }
            const now = new Date();
            const meta = { created: kept.get(id)?.meta.created ?? now, lastModified: now };
            // Stored as JSON: the library's own objects would be shared between requests.
            kept.set(id, { ...JSON.parse(JSON.stringify(data)), id, meta });
            return kept.get(id);
        })
        .egress((resource) => {
            // Filtering is left to the store, with the library's own filter.
            if (!resource.id) return resource.filter?.match([...kept.values()]) ?? [...kept.values()];
            if (!kept.has(resource.id)) throw missing(resource.id);
            return kept.get(resource.id);
        })
        .degress((resource) => {
            if (!kept.delete(resource.id)) throw missing(resource.id);
        });
}

keep(SCIMMY.Resources.User, "userName");
SCIMMY.Resources.User.extend(SCIMMY.Schemas.EnterpriseUser, false);
keep(SCIMMY.Resources.Group, undefined);

const app = express();
app.use("/scim/v2", new SCIMMYRouters({
    type: "bearer",
    handler: (request) => {
        if (request.header("Authorization") !== `Bearer ${token}`) throw new Error("Token not accepted");
        return "rollcall";
    },
}));
app.listen(Number(port), "127.0.0.1");
