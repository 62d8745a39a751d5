"""Pages that `multimodal report` saves: those of tables and models lead back to the cohort page."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cli.report import add_way_back
from multimodal.clinical.report.page import render_html
from survival_job.report import write_report
from tests.html_page import Page
from tests.unit.functions.test_clinical_report import report_of
from tests.unit.survival.test_report import RESULTS


def _table(path: Path) -> None:
    path.write_text(render_html(report_of()), encoding="utf-8")


@pytest.mark.parametrize("write", [_table, lambda path: write_report(RESULTS, path)])
def test_a_saved_page_leads_back_to_the_cohort_page(tmp_path: Path, write: Callable[[Path], None]) -> None:
    page = tmp_path / "clinical/made/871326/u1/report.html"
    page.parent.mkdir(parents=True)
    (tmp_path / "index.html").touch()
    write(page)
    add_way_back(page, tmp_path, "made")
    links = [link["href"] for link in Page(page.read_text(encoding="utf-8")).all("a")]
    assert (page.parent / links[0]).resolve() == tmp_path / "index.html"
