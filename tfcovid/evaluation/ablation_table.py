from collections.abc import Mapping

from tfcovid.evaluation.compare import Comparison
from tfcovid.evaluation.main_figures import MAIN_FIGURES
from tfcovid.evaluation.p_text import p_text
from tfcovid.evaluation.table_row import table_row


def ablation_table(comparison: Comparison, ticks: Mapping[str, Mapping[str, bool]]) -> list[str]:
    """The lines of a Markdown table as Tables IV and V of M3Lung-Sys: ticks, accuracy and errors in percent.

    Args:
        comparison: of the variants with the reference, whose row has no p-value; p-values are adjusted by Holm.
        ticks: name of a variant -> title of a column -> whether it has it, in the order of the rows.
    """
    columns = list(next(iter(ticks.values())))
    errors = [key for key in ("fpe", "fne", "fdpe") if key in comparison.scores[comparison.reference].figures]
    head = ["Method", *columns, "Accuracy [95 % interval] (p)", *(MAIN_FIGURES[key][0] for key in errors)]
    lines = [table_row(head), "|---|" + ":-:|" * len(columns) + "---|" + "--:|" * len(errors)]
    for name, has in ticks.items():
        if name not in comparison.scores:
            continue
        figures = comparison.scores[name].figures
        found = figures["accuracy"]
        accuracy = f"{100 * found.value:.2f} [{100 * found.low:.2f}, {100 * found.high:.2f}]"
        if name != comparison.reference:
            accuracy += f" ({p_text(comparison.against[name].bootstrap['accuracy'].p_holm, 'p')})"
        shares = [f"{100 * figures[key].value:.2f}" if figures[key].value >= 0 else "-" for key in errors]
        lines.append(table_row([name, *("✓" if has[column] else "" for column in columns), accuracy, *shares]))
    return lines
