"""The intervals hold what they promise; the rulers and the rule do what the README says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from carprep.errors import UsageError
from carprep.trainer.metrics import authenticity, density_coverage, fid, kid
from carprep.verdict import inception
from carprep.verdict.arms import densest, hold_out
from carprep.verdict.dinov2 import Transformer
from carprep.verdict.dinov2 import load as load_dinov2
from carprep.verdict.judgement import PASS, SAME, WORSE, fid_with_floor, memorised, memory_tests, outcome
from carprep.verdict.rulers import rulers, shapes
from carprep.verdict.statistics import Difference, kid_difference, mean_difference

WIDTH = 8
SCALE = np.linspace(0.5, 1.5, WIDTH)
A, B, HELD = (0.3, 1.0), (0.0, 1.2), (0.0, 1.0)  # mean and deviation of three sources


def draw(rng: np.random.Generator, count: int, source: tuple[float, float]) -> np.ndarray:
    return rng.normal(*source, (count, WIDTH)) * SCALE


def moments(source: tuple[float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mean, spread = source[0] * SCALE, np.diag((source[1] * SCALE) ** 2)
    third = sum(np.einsum(order, spread, mean) for order in ("ij,k->ijk", "ik,j->ijk", "jk,i->ijk"))
    return mean, spread + np.outer(mean, mean), np.einsum("i,j,k->ijk", mean, mean, mean) + third


def kernel(one: tuple[float, float], other: tuple[float, float]) -> float:
    """The kernel's exact mean over two Gaussians."""
    terms = [
        float((a * b).sum()) / WIDTH**power
        for power, (a, b) in enumerate(zip(moments(one), moments(other), strict=True), 1)
    ]
    return 1 + 3 * terms[0] + 3 * terms[1] + terms[2]


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("count", [50, 100, 500])
def test_a_95_percent_interval_holds_the_truth_in_92_to_98_of_100_runs(count, seeds):
    truth = kernel(A, A) - kernel(B, B) - 2 * kernel(A, HELD) + 2 * kernel(B, HELD)
    rng, runs, hits = np.random.default_rng(1), 500, 0
    for _ in range(runs):
        held = draw(rng, count, HELD)
        these, those = ([draw(rng, count, source) for _ in range(seeds)] for source in (A, B))
        found = kid_difference(these, those, held)
        hits += found.low <= truth <= found.high

    assert 0.92 <= hits / runs <= 0.98


def test_the_difference_is_that_of_two_kids():
    rng = np.random.default_rng(0)
    one, other, held = draw(rng, 60, A), draw(rng, 50, B), draw(rng, 40, HELD)

    found = kid_difference([one], [other], held).value

    assert found == pytest.approx(kid(one, held).value - kid(other, held).value, abs=1e-9)


def test_figures_agree_with_torch_fidelity_on_the_same_features():
    pytest.importorskip("torch_fidelity")
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_kid import mmd2

    rng = np.random.default_rng(0)
    one, other = (rng.normal(shift, 1, (300, 64)).astype(np.float32) for shift in (0, 0.2))
    statistics = [fid_features_to_statistics(torch.from_numpy(part)) for part in (one, other)]
    theirs = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    gram = [
        (a.astype(np.float64) @ b.astype(np.float64).T / 64 + 1) ** 3
        for a, b in ((one, one), (one, other), (other, other))
    ]

    assert fid(one.astype(np.float64), other.astype(np.float64)) == pytest.approx(theirs, rel=1e-6)
    assert kid(one.astype(np.float64), other.astype(np.float64)).value == pytest.approx(
        mmd2(gram[0], gram[1], gram[2], unit_diagonal=False, mmd_est="unbiased"), abs=1e-6
    )


def test_fid_beside_its_floor_is_near_it_for_one_source_and_far_for_two():
    rng = np.random.default_rng(0)
    reals = draw(rng, 200, HELD)
    same, floor, count = fid_with_floor(draw(rng, 400, HELD), reals)
    other, _, _ = fid_with_floor(draw(rng, 400, (1.0, 1.0)), reals)

    assert count == 100 and floor > 0
    assert same < 3 * floor < other


def test_density_and_coverage_tell_narrow_from_wide():
    rng = np.random.default_rng(0)
    reals = draw(rng, 200, HELD)
    wide, narrow = density_coverage(reals, draw(rng, 200, HELD)), density_coverage(reals, draw(rng, 200, (0.0, 0.1)))

    assert wide[1] > 0.9
    assert narrow[1] < 0.3
    assert narrow[0] > wide[0]


def test_a_copycat_is_called_memorised_and_new_pictures_and_a_poor_fit_are_not():
    rng = np.random.default_rng(0)
    train, held = draw(rng, 200, HELD), draw(rng, 100, HELD)
    copies = train[rng.integers(0, 200, 300)] + rng.normal(0, 0.01, (300, WIDTH))

    assert memorised(memory_tests(copies, train, held))
    assert authenticity(copies, train) < 0.1
    assert not memorised(memory_tests(draw(rng, 300, HELD), train, held))
    assert not memorised(memory_tests(draw(rng, 300, (2.0, 1.0)), train, held))


BETTER, WORSE_BY, NONE = (Difference(value, value - 0.1, value + 0.1, 0.15, 3) for value in (-0.5, 0.5, -0.05))


@pytest.mark.parametrize(
    ("rendered", "fewer", "coverage", "expected"),
    [
        ((BETTER, BETTER), (BETTER, BETTER), None, PASS),
        ((BETTER, BETTER), (BETTER, BETTER), NONE, PASS),
        ((BETTER, BETTER), (NONE, NONE), None, SAME),
        ((BETTER, WORSE_BY), (BETTER, BETTER), None, SAME),  # the rulers disagree
        ((BETTER, BETTER), (BETTER, BETTER), BETTER, SAME),  # less coverage: the set was narrowed
        ((WORSE_BY, WORSE_BY), (NONE, NONE), None, WORSE),
        ((WORSE_BY, BETTER), (NONE, NONE), None, SAME),
    ],
)
def test_the_rule(rendered, fewer, coverage, expected):
    name, reasons = outcome({"RENDERED": rendered, "RENDERED-k": fewer}, coverage)

    assert name == expected
    assert len(reasons) == 2 + (coverage is not None)


def test_related_pictures_count_as_one_draw():
    rng = np.random.default_rng(0)
    held = draw(rng, 40, HELD)
    these, those = ([draw(rng, 60, source) for _ in range(3)] for source in (A, B))
    alone = kid_difference(these, those, held)
    told = kid_difference(these, those, np.repeat(held, 5, 0), [str(number // 5) for number in range(200)])
    blind = kid_difference(these, those, np.repeat(held, 5, 0))

    assert told.value == pytest.approx(alone.value)
    assert told.high == pytest.approx(alone.high)
    assert blind.high < told.high  # taken for 200 pictures, 40 would look surer than they are


def test_an_interval_over_seeds_needs_two():
    assert mean_difference([1.0, 1.2, 0.9], [2.0, 2.1, 2.0]).better
    with pytest.raises(ValueError, match="two"):
        mean_difference([1.0], [2.0])


def test_whole_groups_are_held_out_and_never_more_than_half():
    keys = [f"{number}.jpg" for number in range(300)]
    group = {key: f"g{int(key[:-4]) // 3}" for key in keys}
    held = hold_out(keys, group)

    assert len(held) in range(98, 101)
    assert all(len({key in held for key in keys if group[key] == name}) == 1 for name in set(group.values()))
    assert held == hold_out(list(reversed(keys)), group)
    assert len(hold_out(keys[:120], group)) in range(55, 61)
    with pytest.raises(UsageError, match="99 pictures are too few"):
        hold_out(keys[:99], group)


def test_the_densest_are_those_of_the_cloud():
    rng = np.random.default_rng(0)
    features = np.concatenate([draw(rng, 90, HELD), draw(rng, 10, (6.0, 1.0))])

    assert densest(features, 80).max() < 90


def test_shapes_see_a_shape_and_a_colour_and_not_a_copy():
    pictures = torch.full((4, 3, 32, 32), 255, dtype=torch.uint8)
    pictures[0, 1:, 8:20, 4:28] = 0  # red, wide
    pictures[1, 1:, 8:20, 4:28] = 0
    pictures[2, :2, 8:20, 4:28] = 0  # blue, wide
    pictures[3, 1:, 4:28, 8:20] = 0  # red, tall
    found = shapes(pictures)

    assert found.shape == (4, 8 * 8 * 9 + 64)
    assert (found[0] == found[1]).all()
    assert np.linalg.norm(found[0] - found[2]) > 1
    assert np.linalg.norm(found[0] - found[3]) > 1


# --- networks from a file: none is downloaded, so the tests make small or untrained ones ---------------------------


def test_another_file_is_no_inception_and_neither_is_code(tmp_path):
    (tmp_path / "other.pth").write_bytes(b"weights")
    with pytest.raises(UsageError, match="not weights-inception-2015-12-05"):
        rulers(f"inception:{tmp_path / 'other.pth'}")
    with pytest.raises(UsageError, match="cannot read"):
        rulers(f"inception:{tmp_path / 'gone.pth'}")
    with pytest.raises(UsageError, match="must be inception, inception:PATH or dinov2:PATH"):
        rulers("clip")


def test_the_inception_network_is_torch_fidelitys_with_the_same_weights(tmp_path):
    theirs = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    torch.manual_seed(0)
    own = inception.Network().eval()
    torch.save(own.state_dict(), tmp_path / "weights.pth")
    peer = theirs.FeatureExtractorInceptionV3(
        "v3", ["2048"], feature_extractor_weights_path=str(tmp_path / "weights.pth")
    )
    pixels = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)

    with torch.no_grad():
        assert torch.allclose(own(pixels), peer(pixels)[0], atol=1e-4, rtol=1e-4)


def test_dinov2_is_read_from_a_state_dict_and_from_nothing_else(tmp_path):
    torch.manual_seed(0)
    torch.save(Transformer(64, 2, 14, 1 + 37 * 37).state_dict(), tmp_path / "vit.pth")
    pixels = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)

    assert load_dinov2(tmp_path / "vit.pth")(pixels).shape == (3, 64)
    (tmp_path / "no.pth").write_bytes(b"no")
    with pytest.raises(UsageError, match="no state dict"):
        load_dinov2(tmp_path / "no.pth")


def test_checks_need_no_torch():
    script = "import sys, carprep.check; assert not {'torch', 'torchvision'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])
