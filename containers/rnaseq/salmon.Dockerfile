# The image of the RNA-seq job with salmon, for any processor: AWS Batch runs it on Fargate, with a read-only root file
# system and scratch space below /scratch (the job definition points TMPDIR and HOME there).
# Build it:  docker build --file containers/rnaseq/salmon.Dockerfile --tag rnaseq-salmon containers/rnaseq
# The base comes from the public mirror in ECR, which does not count anonymous pulls as Docker Hub does. Pin it by digest in a
# release: --build-arg PYTHON_IMAGE=…@sha256:… (docker buildx imagetools inspect shows it).
ARG PYTHON_IMAGE=public.ecr.aws/docker/library/python:3.11.13-slim-bookworm

# --- build: the package and its libraries in an environment of their own ----------------------------------------------
FROM ${PYTHON_IMAGE} AS build
RUN python -m venv /opt/rnaseq
ENV PATH=/opt/rnaseq/bin:$PATH
WORKDIR /build
COPY requirements.txt ./
RUN pip install --no-cache-dir --require-hashes --requirement requirements.txt
COPY pyproject.toml ./
COPY src ./src
RUN pip install --no-cache-dir --no-deps . \
 && python -m compileall -q /opt/rnaseq/lib

# --- image ------------------------------------------------------------------------------------------------------------
FROM ${PYTHON_IMAGE}
# The base image has no compiled standard library, and the job's user could not keep one: 0.7 s of each start.
RUN python -m compileall -q /usr/local/lib
# salmon's version is part of every value's identity, and an index belongs to the version that built it.
ARG SALMON_VERSION=1.10.1*
ARG SRA_TOOLKIT_VERSION=3.0.3*
ARG FASTP_VERSION=0.23.2*
RUN apt-get update \
 && apt-get install --yes --no-install-recommends "salmon=${SALMON_VERSION}" "sra-toolkit=${SRA_TOOLKIT_VERSION}" \
    "fastp=${FASTP_VERSION}" \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 1000 --create-home --shell /usr/sbin/nologin rnaseq \
 && mkdir /scratch \
 && chown rnaseq:rnaseq /scratch
ENV PATH=/opt/rnaseq/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TMPDIR=/scratch \
    HOME=/scratch
COPY --from=build /opt/rnaseq /opt/rnaseq
VOLUME ["/scratch"]
USER 1000
WORKDIR /scratch
ENTRYPOINT ["rnaseq-job"]
