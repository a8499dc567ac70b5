# The figures that systems are compared by: how a table calls them, and in full.
MAIN_FIGURES = {
    "accuracy": ("accuracy", "Accuracy"),
    "balanced_accuracy": ("balanced accuracy", "Balanced accuracy"),
    "macro_f1": ("macro-F1", "Macro-F1"),
    "auc_macro": ("AUC", "AUC, mean over labels"),
    "fpe": ("FPE", "False positive error"),
    "fne": ("FNE", "False negative error"),
    "fdpe": ("FDPE", "False disease prediction error"),
}
