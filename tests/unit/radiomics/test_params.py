"""Parameter files: what is stated is what is used, and every mistake is answered by the name of its key."""

from pathlib import Path
from typing import Any

import pytest
import yaml

import radiomics_job
from radiomics_job.parameters import ParamsError, load_params

PACKAGED = Path(radiomics_job.__file__).parent / "params"


def document(name: str = "ct") -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((PACKAGED / f"{name}.yaml").read_text())
    return loaded


def write(folder: Path, content: object, name: str = "mine.yaml") -> str:
    path = folder / name
    path.write_text(yaml.safe_dump(content))
    return str(path)


class TestPackagedSets:
    def test_ct_is_the_articles_default(self) -> None:
        params = load_params("ct")

        assert params.name == "ct"
        assert params.extraction.bin_width == 25
        assert params.extraction.resampling is None
        assert params.extraction.resegmentation_hu is None
        assert len(params.extraction.classes) == 8
        assert params.roi_source == ("SEG", "RTSTRUCT")
        assert (params.geometry.missing_slices, params.geometry.uneven_slices) == ("refuse", "refuse")

    def test_ct_resampled_states_its_grid(self) -> None:
        params = load_params("ct_resampled")

        assert params.extraction.resampling is not None
        assert params.extraction.resampling.spacing_mm == (1, 1, 1)
        assert params.extraction.resampling.image_interpolator == "bspline"
        assert params.extraction.resampling.mask_interpolator == "nearest"
        assert params.extraction.resampling.round_intensities
        assert params.extraction.resegmentation_hu == (-1000, 400)

    def test_an_unknown_set_names_those_that_exist(self) -> None:
        with pytest.raises(ParamsError, match="no such parameter set; there are ct, ct_ibsi, ct_resampled, ibsi_a"):
            load_params("mr")


class TestHash:
    def test_it_is_pinned_for_the_packaged_sets(self) -> None:
        # Changing a packaged setting changes every feature group built on it: this has to be noticed.
        assert load_params("ct").hash == "2c6adc7398cb19363e4967fafca592ea90d0e35515b2b5e24cf1ef5845c95406"
        assert load_params("ct_resampled").hash == "db19e2fb23a76a3f4da482edaee14355ed713fd41cc70971d1c3e1caa7740a57"

    def test_a_default_may_be_stated(self, tmp_path: Path) -> None:
        content = document("ct_resampled")
        content["extraction"] |= {"force_2d": False, "distances": [1], "filters": [], "wavelet": "coif1", "bins": None}
        content["extraction"]["resampling"]["grid"] = "corner"

        assert load_params(write(tmp_path, content)).hash == load_params("ct_resampled").hash

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("force_2d", True),
            ("distances", [1, 2]),
            ("weighting", "euclidean"),
            ("voxel_array_shift", 1000),
            ("log_scale", "ibsi"),
            ("wavelet", "haar"),
            ("filters", ["square"]),
            ("filter_bin_widths", {"log": 5}),
            ("resegmentation", {"range_hu": [-1000, 400], "sigma": 3}),
        ],
    )
    def test_what_differs_from_a_default_counts(self, tmp_path: Path, key: str, value: object) -> None:
        content = document("ct_resampled")
        content["extraction"][key] = value

        assert load_params(write(tmp_path, content)).hash != load_params("ct_resampled").hash

    def test_bins_and_grid_count(self, tmp_path: Path) -> None:
        hashes = set()
        for bins in ({"count": 32}, {"count": 64}, {"width": 25, "from": -1000}, {"width": 25, "from": 0}):
            content = document("ct_ibsi")
            content["extraction"]["bins"] = bins
            hashes.add(load_params(write(tmp_path, content)).hash)
            content["extraction"]["resampling"]["grid"] = "corner"
            hashes.add(load_params(write(tmp_path, content)).hash)

        assert len(hashes) == 8

    def test_comments_order_and_spelling_of_numbers_do_not_count(self, tmp_path: Path) -> None:
        content = dict(reversed(document().items()))
        content["extraction"]["bin_width"] = 25.0
        content["extraction"]["classes"].reverse()

        assert load_params(write(tmp_path, content)).hash == load_params("ct").hash

    @pytest.mark.parametrize(
        ("section", "key", "value"),
        [
            ("extraction", "bin_width", 24),
            ("extraction", "log_sigma_mm", [2.0]),
            ("geometry", "missing_slices", "resample"),
            ("roi", "source", ["RTSTRUCT", "SEG"]),
            ("qc", "touches_volume_edge", "refuse"),
        ],
    )
    def test_every_setting_counts(self, tmp_path: Path, section: str, key: str, value: object) -> None:
        content = document()
        content[section][key] = value

        assert load_params(write(tmp_path, content)).hash != load_params("ct").hash


class TestMistakes:
    @pytest.mark.parametrize(
        ("path", "value", "message"),
        [
            ("extraction.bin_width", 0, "extraction.bin_width: expected a number above 0, found 0"),
            ("extraction.bin_width", True, "extraction.bin_width: expected a number above 0, found True"),
            ("extraction.bin_width", float("nan"), "extraction.bin_width: expected a number above 0, found nan"),
            ("extraction.bin_width", "25", "extraction.bin_width: expected a number above 0, found '25'"),
            ("extraction.max_gray_levels", 1.5, "extraction.max_gray_levels: expected a whole number"),
            (
                "extraction.classes",
                ["glcm", "lbp"],
                "extraction.classes: expected a list of one or more different words",
            ),
            ("extraction.classes", ["glcm", "glcm"], "extraction.classes: expected a list"),
            ("extraction.classes", [], "extraction.classes: expected a list"),
            ("extraction.classes", [{}], "extraction.classes: expected a list"),
            ("extraction.log_sigma_mm", [0], "extraction.log_sigma_mm: expected a list of numbers above 0"),
            ("extraction.log_sigma_mm", [2, 2.0], "extraction.log_sigma_mm: expected at most 10 different widths"),
            ("extraction.wavelet_levels", 9, "extraction.wavelet_levels: expected a whole number from 0 to 3, found 9"),
            ("extraction.resampling", 1, "extraction.resampling: expected a mapping of keys, found 1"),
            ("extraction.resegmentation", {"range_hu": [400, -1000]}, "range_hu: expected the lower HU first"),
            ("extraction.resegmentation", {"range_hu": [None, None]}, "range_hu: expected a list of two numbers"),
            ("extraction.resegmentation", {}, "extraction.resegmentation.range_hu: missing; state range_hu or sigma"),
            ("extraction.bins", {"count": 32}, "extraction.bin_width: stated beside bins; state one of the two"),
            ("extraction.bins", {"width": 25}, "extraction.bins: expected {width: …, from: …} or {count: …}"),
            ("extraction.bins", {"count": 1}, "extraction.bins.count: expected a whole number from 2 to 5000, found 1"),
            ("extraction.distances", [0], "extraction.distances: expected a list of whole numbers 1 to 10"),
            ("extraction.wavelet", "ricker", "extraction.wavelet: expected a discrete wavelet of PyWavelets"),
            ("extraction.filters", ["sobel"], "extraction.filters: expected a list of different words out of square"),
            ("extraction.filter_bin_widths", {"square": 0}, "extraction.filter_bin_widths: expected widths above 0"),
            ("extraction.log_scale", "ibsi", "log_scale: ibsi needs resampling to voxels of equal sides"),
            ("geometry.missing_slices", "ignore", "geometry.missing_slices: expected one of refuse, resample"),
            ("geometry.fractional_threshold", 1.5, "fractional_threshold: expected a number above 0 and up to 1"),
            ("qc.connected_parts", {"warn": 3, "refuse": 1}, "qc.connected_parts: refuse would come before warn"),
            ("qc.min_voxels", {"warn": 3, "refuse": 10}, "qc.min_voxels: refuse would come before warn"),
            ("qc.min_voxels", {"warn": -1, "refuse": None}, "qc.min_voxels.warn: expected a number of zero or more"),
            (
                "qc.hu_range",
                {"lowest": 5, "highest": 5, "beyond": "warn"},
                "qc.hu_range.lowest: expected less than highest",
            ),
            ("qc.mask_outside_body_fraction", {"warn": 5, "refuse": 50}, "expected shares from 0 to 1"),
            ("geometry.largest_gap_mm", 10**400, "geometry.largest_gap_mm: expected a number above 0"),
            ("roi.source", "SEG", "roi.source: expected a list"),
            ("description", "", "description: expected a text, found ''"),
            ("schema", 2, "schema: expected a whole number from 1 to 1, found 2"),
        ],
    )
    def test_a_wrong_value_names_its_key(self, tmp_path: Path, path: str, value: object, message: str) -> None:
        content = document()
        *parents, key = path.split(".")
        section = content
        for parent in parents:
            section = section[parent]
        section[key] = value

        with pytest.raises(ParamsError) as caught:
            load_params(write(tmp_path, content))

        assert message in str(caught.value)
        assert str(caught.value).startswith(str(tmp_path))

    def test_every_key_of_the_file_is_required(self, tmp_path: Path) -> None:
        for path in key_paths(document("ct_resampled")):
            content = document("ct_resampled")
            section = content
            for parent in path[:-1]:
                section = section[parent]
            del section[path[-1]]

            with pytest.raises(ParamsError, match=rf"{'.'.join(path)}: missing"):
                load_params(write(tmp_path, content))

    def test_an_unknown_key_is_refused_at_every_level(self, tmp_path: Path) -> None:
        for path in key_paths(document("ct_resampled")):
            content = document("ct_resampled")
            section = content
            for parent in path[:-1]:
                section = section[parent]
            section["binwidth"] = 25

            with pytest.raises(ParamsError, match=r"binwidth: not a known key"):
                load_params(write(tmp_path, content))

    @pytest.mark.parametrize("text", ["a: [", "- 1", "", "!!python/object/apply:os.getcwd []"])
    def test_what_is_not_a_mapping_is_refused(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "bad.yaml"
        path.write_text(text)

        with pytest.raises(ParamsError, match=r"bad\.yaml"):
            load_params(str(path))

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ParamsError, match="cannot be read"):
            load_params(str(tmp_path / "absent.yaml"))

    def test_a_file_that_is_not_text(self, tmp_path: Path) -> None:
        (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")

        with pytest.raises(ParamsError, match="cannot be read"):
            load_params(str(tmp_path / "bytes.yaml"))


def key_paths(section: dict[str, Any], prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    paths = [(*prefix, key) for key in section]
    for key, value in section.items():
        if isinstance(value, dict):
            paths += key_paths(value, (*prefix, key))
    return paths
