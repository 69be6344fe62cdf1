"""The listening report of `myi report` and the demo: `report_data` reads the warehouse, `report_view` draws."""

from myi_pipelines.serving.report.report_data import Report, load_report
from myi_pipelines.serving.report.report_view import render_report, render_section

__all__ = ["Report", "load_report", "render_report", "render_section"]
