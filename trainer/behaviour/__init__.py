"""What a model of sentiment must understand, tested with texts of our own (CheckList, Ribeiro et al. 2020).

Test sets hold few of the texts on which models fail; these hold nothing else. They test understanding, not
accuracy: a model can be right nine times in ten and take every "not bad" for bad.
"""
