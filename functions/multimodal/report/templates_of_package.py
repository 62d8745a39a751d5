"""Compile the templates of all pages: `python -m multimodal.report.templates_of_package`, a step of `make build`."""

from multimodal.clinical import report_html
from multimodal.compiled_templates import compile_templates
from multimodal.report import page

if __name__ == "__main__":
    compile_templates(report_html.environment())
    compile_templates(page.environment())
