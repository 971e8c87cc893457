# All images of Flotilla: BINARY chooses one of services/images.txt. scripts/images builds them all; `docker compose up` does when it has to.
#
# Needs BuildKit, which is the default since Docker 23 (before: DOCKER_BUILDKIT=1).

# As rust-toolchain.toml says: scripts/images holds them against each other.
ARG RUST=1.95.0
# Where the binaries come from: `built` here from source, or `prebuilt` (see there).
ARG BINARIES=built

# The same Debian as the base of the final images, so that glibc is the same. This image has the C compiler, make and the
# headers that librdkafka and SQLite are built with, and Perl for OpenSSL.
FROM rust:${RUST}-bookworm AS built
WORKDIR /src
# An image is small, and may take its time to be built: the profile `image` leaves symbols out and optimises crates as one, and
# addresses to be relocated take less room. Together they take a fifth off a binary with OpenSSL in it
# (docs/decisions/0014-kafka-tls.md).
ENV RUSTFLAGS="-C link-arg=-Wl,-z,pack-relative-relocs" \
    CARGO_TARGET_DIR=/target
COPY . .
# Dependencies are cached by mounts and not by cargo-chef: no further tool to trust, no list of manifests to keep here, and
# a changed dependency builds that dependency, not all of them. What it costs: a builder that forgets its mounts, as hosted
# CI does, begins at nothing. The target folder outlives this checkout, and cargo goes by the age of files; so all of ours
# are made new, and never is code of another checkout taken for this one's.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/target,sharing=locked \
    find . -type f -exec touch {} + && \
    binaries=$(grep -v '^#' services/images.txt) && \
    cargo build --profile image --locked --features messaging/kafka-tls $(printf -- '--bin %s ' $binaries) && \
    cargo run --quiet --locked --package xtask -- sbom /binaries $binaries && \
    cd /target/image && \
    cp $binaries "$(gcc -print-file-name=libgcc_s.so.1)" /binaries/

# For machines that cannot build here: the build context is a folder with the binaries. scripts/images --prebuilt.
FROM scratch AS prebuilt
COPY . /binaries/

FROM ${BINARIES} AS binaries

# glibc and certificates; no shell, no package manager, and no OpenSSL and libstdc++, which `cc` would bring and nothing here
# needs. Of what `cc` has, Rust wants libgcc alone. Nothing in it has to be writable.
FROM gcr.io/distroless/base-nossl-debian12:nonroot
# As a number: Kubernetes can tell that it is not root.
USER 65532:65532
WORKDIR /
ENV LISTEN=0.0.0.0:8080
EXPOSE 8080
# Built by hand and not told, an image says so.
ARG VERSION=unknown
ARG REVISION=unknown
ARG BINARY
LABEL org.opencontainers.image.title=${BINARY} \
      org.opencontainers.image.version=${VERSION} \
      org.opencontainers.image.revision=${REVISION} \
      org.opencontainers.image.licenses="Apache-2.0 OR MIT"
COPY --from=binaries /binaries/libgcc_s.so.1 /usr/lib/
COPY --from=binaries --chmod=755 /binaries/${BINARY:?missing} /service
# What is in it, as CycloneDX: cargo xtask sbom.
COPY --from=binaries --chmod=644 /binaries/${BINARY}.cdx.json /sbom.cdx.json
# It is the first process: SIGTERM arrives.
ENTRYPOINT ["/service"]
