"""A front of speed against throughput over 100,000 configurations on one core, against its limit."""

from __future__ import annotations

import time

POINTS, LIMIT_S = 100_000, 2.0


def main() -> dict[str, float]:
    """Configurations, CPU seconds of search and front, and their share of the limit."""
    from megawatt.catalogue import load_catalogue
    from megawatt.serving import Service, Traffic, candidates, divided_pools, front_of, layouts_of, serving_machine
    from megawatt.workload import load_model

    catalogue = load_catalogue()
    system = catalogue.system("gb200-nvl72")
    figures: dict[str, float] = {}
    for model in ("llama-3.1-70b", "deepseek-v3"):
        machine = serving_machine(catalogue, system, "nvfp4")
        service = Service(load_model(model, catalogue), "nvfp4", 1.0)
        layouts = layouts_of(service, system, 64)
        loads = -(-POINTS // (len(layouts) * (len(layouts) + 1)))
        start = time.process_time()
        own, models = candidates(service, machine, layouts, Traffic(4096, 1024), loads=max(loads, 96))
        both = divided_pools(models, Traffic(4096, 1024), loads=max(loads, 96))
        for found in (own, both):
            front_of(found.tokens_per_s_per_chip, found.tokens_per_s_per_user)
        spent = time.process_time() - start
        count = float(len(own) + len(both))
        figures |= {f"{model}: configurations": count, f"{model}: cpu_s": spent}
        figures[f"{model}: share_of_limit_at_100k"] = spent * POINTS / count / LIMIT_S
    return figures


if __name__ == "__main__":
    for name, value in main().items():
        print(f"{name:45} {value:.4g}")
