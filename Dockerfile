# The musl target of this image links statically, so that the result needs nothing else.
FROM rust:1.95.0-alpine AS build
RUN apk add --no-cache ca-certificates musl-dev
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin rollcall && cp target/release/rollcall /rollcall

FROM scratch
LABEL org.opencontainers.image.title="Rollcall" \
      org.opencontainers.image.description="A Kubernetes operator with a SCIM 2.0 receiver inside" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /rollcall /rollcall
USER 65532:65532
EXPOSE 8080 8081
ENTRYPOINT ["/rollcall"]
