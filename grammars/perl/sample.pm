# Each line with @scope begins a definition, @block a block that is filled; @<kind> names it.
package My::Shapes; # @scope @module My.Shapes

use strict;
use parent 'Exporter'; # @import Exporter
use List::Util qw(max min); # @import List::Util max min
use POSIX (); # @import POSIX
require Other::Module; # @import Other::Module
require "old.pl"; # @import old.pl
use constant PI => 3.14; # @constant My.Shapes.PI
use constant { ONE => 1, TWO => 2 }; # @constant My.Shapes.ONE @constant My.Shapes.TWO

our $version = '1.0'; # @variable My.Shapes.$version
my %cache; # @variable My.Shapes.%cache

# The area.
sub area { # @scope @block @function My.Shapes.area
    my ($r) = @_;
    if ($r) { # @block
        return 1;
    }
    foreach my $x (1, 2) { # @block
        print $x;
    }
    return PI * $r;
}

package Inner { # @scope @block @module Inner
    sub new { # @scope @block @function Inner.new
        my $class = shift;
        return bless {}, $class;
    }
}

1;
