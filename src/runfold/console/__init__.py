"""`runfold console`: web pages over what `runfold.reading` reads. It needs the extra `console`."""
