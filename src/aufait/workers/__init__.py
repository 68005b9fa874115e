"""The same work in this process, in several, or on a cluster: ``executor`` chooses, ``contract`` says what work is."""
