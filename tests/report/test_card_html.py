from tfcovid.report.card_html import card_html


def test_raw_html_is_text_and_only_https_is_linked():
    found = card_html("# A\n\n<script>x</script> [a](javascript:x) [b](members/card.md) ![c](https://d.org/e.png)")
    assert found.startswith("<h3>A</h3>") and "&lt;script&gt;" in found
    assert "<span>a</span> <span>b</span> <span>c</span>" in found
    kept = '<a href="https://d.org" rel="noopener noreferrer">f</a>'
    assert card_html("[f](https://d.org)") == f"<p>{kept}</p>"


def test_tables_are_tables():
    assert "<td>0.9</td>" in card_html("| figure | value |\n|---|---|\n| accuracy | 0.9 |")
