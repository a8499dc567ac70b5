from tests.evaluation.test_compare import system
from tfcovid.evaluation.ablation_table import ablation_table
from tfcovid.evaluation.compare import compare


def test_it_looks_like_table_v_of_the_paper():
    comparison = compare({"Ours": system(3.0), "ResNet-50": system(0.2, seed=1)})
    lines = ablation_table(
        comparison,
        {"ResNet-50": {"Multi-task": False, "Attention": False}, "Ours": {"Multi-task": True, "Attention": True}},
    )
    ours, plain = (comparison.scores[name].figures for name in ("Ours", "ResNet-50"))

    def percent(*values):
        return [f"{100 * value:.2f}" for value in values]

    def errors(figures):
        return " | ".join(percent(*(figures[name].value for name in ("fpe", "fne", "fdpe"))))

    assert lines[0] == "| Method | Multi-task | Attention | Accuracy [95 % interval] (p) | FPE | FNE | FDPE |"
    value, low, high = percent(plain["accuracy"].value, plain["accuracy"].low, plain["accuracy"].high)
    assert lines[2] == f"| ResNet-50 |  |  | {value} [{low}, {high}] (p = 0.001) | {errors(plain)} |"
    value, low, high = percent(ours["accuracy"].value, ours["accuracy"].low, ours["accuracy"].high)
    assert lines[3] == f"| Ours | ✓ | ✓ | {value} [{low}, {high}] | {errors(ours)} |"
