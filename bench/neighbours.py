"""kNN graph of 50,000 × 512, k = 50: shortlists against faiss flat, IVF and HNSW, in turn within the same minutes.

python bench/neighbours.py [--rows 50000] [--dim 512] [--k 50] [--rounds 3] [--data gaussian|clusters|cifar]

gaussian: independent directions, the hardest case for any shortlist. clusters: 100 groups. cifar: raw gradient features
of real CIFAR-10 images, projected to `dim`. Recall is against faiss' flat index, by similarity (ties count as found).
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
from common import data_folder, keep

from core.neighbours.graph import nearest


def vectors_of(kind: str, rows: int, dim: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    if kind == "cifar":
        found = _cifar(rows, dim)
    else:
        found = rng.normal(size=(rows, dim))
        if kind == "clusters":
            found = found * 0.7 + rng.normal(size=(100, dim))[rng.integers(0, 100, rows)]
    found = found.astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def _cifar(rows: int, dim: int) -> np.ndarray:
    from core.embedders import find_embedder
    from core.embedders.base import Settings
    from core.embedders.whitening import whitened_pca
    from core.scans.pipeline import open_dataset

    dataset = open_dataset(str(data_folder() / "cifar10-train.parquet"))
    model = find_embedder("gradients").load(Settings())
    raw = [
        model.features([model.pixels(dataset.load(r)) for r in range(s, min(s + 256, rows))], np.arange(s, s + 256)).astype(np.float16)
        for s in range(0, rows, 256)
    ]
    return whitened_pca(raw, rows, dim=dim, power=0.5, device="cpu")


def ivf(vectors: np.ndarray, k: int) -> np.ndarray:
    import faiss

    lists = int(4 * np.sqrt(len(vectors)))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(vectors.shape[1]), vectors.shape[1], lists, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    index.add(vectors)
    index.nprobe = lists // 4
    return index.search(vectors, k + 1)[0][:, 1:]


def hnsw(vectors: np.ndarray, k: int) -> np.ndarray:
    import faiss

    index = faiss.IndexHNSWFlat(vectors.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction, index.hnsw.efSearch = 80, 200
    index.add(vectors)
    return index.search(vectors, k + 1)[0][:, 1:]


def plain_flat(vectors: np.ndarray, k: int) -> np.ndarray:
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return index.search(vectors, k + 1)[0][:, 1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--k", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", default="gaussian", choices=("gaussian", "clusters", "cifar"))
    parser.add_argument("--approximate", action="store_true", help="IVF and HNSW too (slow on gaussian data)")
    chosen = parser.parse_args()
    vectors = vectors_of(chosen.data, chosen.rows, chosen.dim)
    methods = {
        "flat": lambda: plain_flat(vectors, chosen.k),
        "shortlist": lambda: nearest(vectors, chosen.k, method="shortlist")[1],
        **({"ivf": lambda: ivf(vectors, chosen.k), "hnsw": lambda: hnsw(vectors, chosen.k)} if chosen.approximate else {}),
    }
    nearest(vectors[:2000], 10, method="shortlist")  # libraries loaded, threads started
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    found = {}
    for _ in range(chosen.rounds):
        for name, search in methods.items():
            started = time.perf_counter()
            found[name] = search()
            seconds[name].append(time.perf_counter() - started)
    last = found["flat"][:, -1:] - 1e-5
    keep(
        f"neighbours-{chosen.data}",
        {
            "rows": chosen.rows,
            "dim": chosen.dim,
            "k": chosen.k,
            "median_seconds": {name: round(statistics.median(s), 2) for name, s in seconds.items()},
            "ratio_to_flat": {
                name: round(statistics.median(a / b for a, b in zip(s, seconds["flat"], strict=True)), 3) for name, s in seconds.items()
            },
            "recall": {name: round(float((similarity >= last).mean()), 6) for name, similarity in found.items()},
        },
    )


if __name__ == "__main__":
    main()
