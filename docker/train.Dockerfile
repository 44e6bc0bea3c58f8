# hrpn-tf complete, with TensorFlow and its CUDA libraries: every command, on GPUs and processors.
FROM python:3.11.14-slim-bookworm AS build
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /source
COPY LICENSE README.md pyproject.toml setup.cfg setup.py ./
COPY hrpn_tf hrpn_tf
COPY export/hrpn_export export/hrpn_export
COPY benchmarks/hrpn_benchmarks benchmarks/hrpn_benchmarks
RUN uv venv --no-cache /opt/hrpn \
    && uv pip install --no-cache --compile-bytecode --python /opt/hrpn/bin/python \
        "tensorflow[and-cuda]" ".[all]"

FROM python:3.11.14-slim-bookworm
COPY --from=build /opt/hrpn /opt/hrpn
# Any user may be given with --user, so HOME is a folder that all can write to.
ENV PATH=/opt/hrpn/bin:$PATH HOME=/tmp
RUN useradd --uid 1000 --no-create-home hrpn
USER 1000
WORKDIR /data
ENTRYPOINT ["hrpn-tf"]
CMD ["--help"]
