# Candor as a static binary, alone in its image.
# Plain Dockerfile syntax: it builds with BuildKit and with the older builder.

FROM rust:1-bookworm AS build
WORKDIR /candor

SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN rustc -vV | sed -n 's/^host: //p' > /target-triple

# rust-toolchain.toml is left out by .dockerignore: it would make rustup download the toolchain that
# developers share, while this image already carries one that is recent enough.

# Static also against glibc: the final image has no libraries. `--target` keeps the flags away from
# build scripts and procedural macros, which cannot be static.
# Where the time goes, as `bench/pgo` counted it: a fifth less of it for every exchange (bench/README.md).
COPY deploy/candor.profdata /
ENV RUSTFLAGS="-C target-feature=+crt-static -C profile-use=/candor.profdata"

# The dependencies are a layer of their own, built again only when the manifest, the lock file or the profile change.
COPY Cargo.toml Cargo.lock ./
COPY envoy-module/Cargo.toml envoy-module/
COPY benches benches
RUN mkdir -p src tests/it envoy-module/src \
 && echo 'fn main() {}' | tee src/main.rs > tests/it/main.rs \
 && touch src/lib.rs envoy-module/src/lib.rs \
 && cargo build --release --locked --target "$(cat /target-triple)" \
 && rm -r src tests benches envoy-module

# Cargo trusts modification times: the touched files are certainly newer than the placeholders above.
COPY . .
RUN touch src/main.rs src/lib.rs \
 && cargo build --release --locked --bin candor --target "$(cat /target-triple)" \
 && install -D "target/$(cat /target-triple)/release/candor" /image/candor

FROM scratch
LABEL org.opencontainers.image.title="candor" \
      org.opencontainers.image.description="A reverse-proxy sidecar that answers with true status codes" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image/ /
# A number, so that Kubernetes can see that it is not root (`runAsNonRoot`). It owns nothing here.
USER 65532:65532
# Traffic; the admin API, which listens on the container's own loopback address unless told otherwise.
EXPOSE 8080 9901
HEALTHCHECK --interval=5s --timeout=3s --start-period=2s CMD ["/candor", "health"]
ENTRYPOINT ["/candor"]
CMD ["serve"]
