"""One data set, or one way of storing them, per file: its tables, labels and official splits. What every data set of
long recordings shares lies here too; formats are read in `readers`, splits and loaders know no data set."""
