"""Records of Feature Store, without a cloud."""

import pytest

from local.emulator.aws import AwsError
from local.emulator.sagemaker.offline_store import check_record, parse_event_time

_GROUP = {"FeatureGroupName": "g", "RecordIdentifierFeatureName": "id", "EventTimeFeatureName": "at"}
_TYPES = {"id": "String", "at": "String", "count": "Integral", "size": "Fractional"}
_DEFINITIONS = [{"FeatureName": name, "FeatureType": kind} for name, kind in _TYPES.items()]
_GOOD = {"id": "c", "at": "2020-01-02T03:04:05Z"}


def test_texts_become_values_and_missing_ones_stay_out() -> None:
    record = {**_GOOD, "count": "-7", "size": "1e3"}
    assert check_record(_GROUP, _DEFINITIONS, record) == {**_GOOD, "count": -7, "size": 1000.0}
    assert check_record(_GROUP, _DEFINITIONS, {**_GOOD, "count": None}) == _GOOD


@pytest.mark.parametrize("text", ["2020-01-02T03:04:05Z", "2020-01-02T03:04:05.678Z"])
def test_the_two_formats_of_an_event_time(text: str) -> None:
    assert parse_event_time(text).isoformat().startswith("2020-01-02T03:04:05")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2020-01-02",
        "2020-01-02T03:04:05",
        "2020-01-02T03:04:05+00:00",
        "2020-01-02T03:04:05.6Z",
        "2020-01-02T03:04:05.678901Z",
        "2020-01-02 03:04:05Z",
        "2020-13-02T03:04:05Z",
        "1577934245",
    ],
)
def test_every_other_event_time_is_refused(text: str) -> None:
    with pytest.raises(AwsError, match="must be in the format"):
        parse_event_time(text)


def test_a_fractional_event_time_is_epoch_seconds() -> None:
    assert parse_event_time("1577934245.5", "Fractional").year == 2020


@pytest.mark.parametrize("text", ["", "1.5", "9223372036854775808", "١", "1e3"])
def test_integral_values_are_64_bit_integers(text: str) -> None:
    with pytest.raises(AwsError, match="not of type Integral"):
        check_record(_GROUP, _DEFINITIONS, {**_GOOD, "count": text})


@pytest.mark.parametrize("text", ["", "nan", "inf", "1,5"])
def test_fractional_values_are_finite_numbers(text: str) -> None:
    with pytest.raises(AwsError, match="not of type Fractional"):
        check_record(_GROUP, _DEFINITIONS, {**_GOOD, "size": text})


def test_size_limits() -> None:
    with pytest.raises(AwsError, match="identifier is longer"):
        check_record(_GROUP, _DEFINITIONS, {**_GOOD, "id": "x" * 2049})
    wide = [*_DEFINITIONS, {"FeatureName": "text", "FeatureType": "String"}]
    with pytest.raises(AwsError, match="record is larger"):
        check_record(_GROUP, wide, {**_GOOD, "text": "x" * 360_000})
