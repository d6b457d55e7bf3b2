# The same hash-locked install as `make env`, on Debian 13, run by an unprivileged user.
#
#   docker run --rm -v "$PWD:/case" heart-twin run /case/scenario.yaml
#
# Add --user "$(id -u):$(id -g)" where the case folder belongs to you: results are written into it.
# The image holds gmsh (GPL-2.0-or-later), so the image as a whole is conveyed under the GPL.
ARG BASE=docker.io/library/debian:trixie-slim

FROM ${BASE} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements requirements
# Behind a proxy with its own certificate authority: --secret id=ca,src=bundle.pem
RUN --mount=type=secret,id=ca,required=false \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
    && python3 -m venv /opt/heart \
    && /opt/heart/bin/pip install --no-cache-dir --require-hashes -r requirements/base.lock \
    && python3 -m venv /opt/hatch \
    && /opt/hatch/bin/pip install --no-cache-dir --require-hashes -r requirements/build.lock
COPY pyproject.toml README.md LICENSE LICENSES.md ./
COPY heart heart
COPY meshes meshes
COPY solvers solvers
COPY scenarios scenarios
COPY docs/refs.bib docs/refs.bib
RUN /opt/hatch/bin/hatchling build -t wheel -d /tmp/dist \
    && /opt/heart/bin/pip install --no-cache-dir --no-deps --no-index /tmp/dist/*.whl

FROM ${BASE}
# gcc and Python's headers compile the variational forms at run time; Mesa draws off screen.
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        gcc libc6-dev python3 python3-dev \
        libegl1 libgl1 libgl1-mesa-dri libglu1-mesa libxcursor1 libxft2 libxinerama1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --create-home --home-dir /home/heart heart \
    && install -d -m 1777 /var/cache/heart \
    && install -d -o heart -g heart /case
COPY --from=build /opt/heart /opt/heart
COPY LICENSE LICENSES.md /usr/share/doc/heart-twin/
# Any uid may run the image: whatever is compiled or cached goes where everybody can write.
ENV PATH=/opt/heart/bin:$PATH \
    HOME=/var/cache/heart \
    XDG_CACHE_HOME=/var/cache/heart \
    HEART_CACHE=/var/cache/heart \
    NUMBA_CACHE_DIR=/var/cache/heart/numba \
    MPLCONFIGDIR=/var/cache/heart/matplotlib \
    PYVISTA_OFF_SCREEN=true \
    VTK_DEFAULT_OPENGL_WINDOW=vtkEGLRenderWindow \
    MPLBACKEND=Agg \
    OMP_NUM_THREADS=1 \
    PYTHONUNBUFFERED=1
WORKDIR /case
USER 10001:10001
ENTRYPOINT ["heart"]
CMD ["--help"]
