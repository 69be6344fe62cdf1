"""The listening report, which `myi report` and the demo print: `data` reads the warehouse, `view` draws."""

from myi_pipelines.serving.report.report_data import Report, load_report
from myi_pipelines.serving.report.report_view import render_report, render_section

__all__ = ["Report", "load_report", "render_report", "render_section"]
