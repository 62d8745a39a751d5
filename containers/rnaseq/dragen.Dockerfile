# The image of the RNA-seq job for DRAGEN. DRAGEN itself is not in it: it is licensed software of the host's own image.
# Build it from this folder:  docker build --file dragen.Dockerfile --tag rnaseq-dragen .
# The base comes from the public mirror in ECR, which does not count anonymous pulls as Docker Hub does. Pin it by digest in a
# release: --build-arg PYTHON_IMAGE=…@sha256:… (docker buildx imagetools inspect shows it).
#
# AWS Batch runs it on instances of a DRAGEN machine image (f2.6xlarge and up) with
#   mounts   /opt/edico (the program, which writes beside itself)    /var/lib/edico (its state)
#            /opt/dragen-libraries (libdragen.so of exactly the host's version, which 4.4 keeps in /usr/lib64; read-only)
#            a fast disk at /scratch (three times the reads, and the hash table)
#   memory   /dev/shm of 64 GiB, the container's own
#   device   /dev/bus
#   ulimits  nofile 720000, nproc 16384
#   secret   DRAGEN_LICENSE, the text of the licence credentials file, from Secrets Manager (not for pay-as-you-go)
# template.yaml (DragenJobDefinition, FpgaLaunchTemplate) gives all of it. On servers DRAGEN is in /opt/dragen/<version>, which
# the job finds too. See help.dragen.illumina.com, DRAGEN 4.4 and 4.5, "Docker Requirements", which also asks for the host's
# process ids (not given: docs/aws-unverified.md).
# The job says at its start what it misses. Not yet run on an FPGA.
ARG PYTHON_IMAGE=public.ecr.aws/docker/library/python:3.11.13-slim-bookworm

# --- build: pip stays behind ------------------------------------------------------------------------------------------
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
# fasterq-dump turns SRA objects into FASTQ.
ARG SRA_TOOLKIT_VERSION=3.0.3*
RUN apt-get update \
 && apt-get install --yes --no-install-recommends "sra-toolkit=${SRA_TOOLKIT_VERSION}" \
 && rm -rf /var/lib/apt/lists/*
ENV PATH=/opt/rnaseq/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/scratch \
    TMPDIR=/scratch \
    LD_LIBRARY_PATH=/opt/dragen-libraries
COPY --from=build /opt/rnaseq /opt/rnaseq
RUN mkdir --mode=1777 /scratch
VOLUME ["/scratch"]
WORKDIR /scratch
# Root, unlike the other images: DRAGEN opens the FPGA's PCI resources and writes its state and logs below the host's
# /var/lib/edico and /var/log/dragen, all of which belong to root. The container needs no privileged mode for it.
USER 0
ENTRYPOINT ["rnaseq-job"]
