def page(results, reasons):
    return ""
