"""The report for analysts and the cards of data set and model: results of all stages in, pages out."""
