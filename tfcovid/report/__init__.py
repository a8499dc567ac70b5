"""Results in, HTML out: the report of one scan and that of a cohort, each one file that loads nothing else."""

from tfcovid.report.report_schema import report_schema
from tfcovid.report.write_cohort_report import write_cohort_report
from tfcovid.report.write_report import write_report

__all__ = ["report_schema", "write_cohort_report", "write_report"]
