"""Compile the templates of all pages: `python -m multimodal.report.templates_of_package`, a step of `make build`."""

from multimodal.clinical.report import page as clinical_page
from multimodal.compiled_templates import compile_templates
from multimodal.report import page

if __name__ == "__main__":
    compile_templates(clinical_page.environment())
    compile_templates(page.environment())
