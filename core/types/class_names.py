"""Names for people of classes that are called by a number: ImageNet's folders bear WordNet ids (n02979186)."""

from __future__ import annotations

# number of the WordNet id and its first name; a part of ImageNet-1k, each checked, for a wrong name is worse than none
_KNOWN = """
01440764 tench; 01443537 goldfish; 01484850 great white shark; 01491361 tiger shark; 01494475 hammerhead; 01496331 electric ray;
01498041 stingray; 01514668 cock; 01514859 hen; 01518878 ostrich; 01530575 brambling; 01531178 goldfinch; 01532829 house finch; 01534433
junco; 01537544 indigo bunting; 01558993 robin; 01560419 bulbul; 01580077 jay; 01582220 magpie; 01592084 chickadee; 01601694 water
ouzel; 01608432 kite; 01614925 bald eagle; 01616318 vulture; 01622779 great grey owl; 01632777 axolotl; 01641577 bullfrog; 01644373 tree
frog; 01664065 loggerhead; 01667778 terrapin; 01669191 box turtle; 01677366 common iguana; 01687978 agama; 01692333 Gila monster;
01697457 African crocodile; 01698640 American alligator; 01704323 triceratops; 01770393 scorpion; 01774384 black widow; 01774750
tarantula; 01784675 centipede; 01795545 black grouse; 01806143 peacock; 01806567 quail; 01807496 partridge; 01817953 African grey;
01818515 macaw; 01820546 lorikeet; 01828970 bee eater; 01829413 hornbill; 01833805 hummingbird; 01843383 toucan; 01847000 drake;
01855672 goose; 01860187 black swan; 01871265 tusker; 01872401 echidna; 01873310 platypus; 01877812 wallaby; 01882714 koala; 01883070
wombat; 01910747 jellyfish; 01914609 sea anemone; 01944390 snail; 01945685 slug; 01983481 American lobster; 01985128 crayfish; 01986214
hermit crab; 02002556 white stork; 02002724 black stork; 02006656 spoonbill; 02007558 flamingo; 02051845 pelican; 02056570 king penguin;
02058221 albatross; 02066245 grey whale; 02071294 killer whale; 02074367 dugong; 02077923 sea lion; 02085620 Chihuahua; 02085936 Maltese
dog; 02086079 Pekinese; 02086240 Shih-Tzu; 02086910 papillon; 02087394 Rhodesian ridgeback; 02088094 Afghan hound; 02088238 basset;
02088364 beagle; 02088466 bloodhound; 02089973 English foxhound; 02091134 whippet; 02091467 Norwegian elkhound; 02093256 Staffordshire
bullterrier; 02093754 Border terrier; 02094433 Yorkshire terrier; 02096051 Airedale; 02096294 Australian terrier; 02097298 Scotch
terrier; 02098286 West Highland white terrier; 02099601 golden retriever; 02099712 Labrador retriever; 02100735 English setter; 02100877
Irish setter; 02102040 English springer; 02102318 cocker spaniel; 02105641 Old English sheepdog; 02106030 collie; 02106166 Border
collie; 02106550 Rottweiler; 02106662 German shepherd; 02107142 Doberman; 02108089 boxer; 02108915 French bulldog; 02109047 Great Dane;
02109525 Saint Bernard; 02110185 Siberian husky; 02110341 dalmatian; 02110958 pug; 02111277 Newfoundland; 02111500 Great Pyrenees;
02111889 Samoyed; 02112018 Pomeranian; 02112137 chow; 02113023 Pembroke; 02113712 miniature poodle; 02113799 standard poodle; 02114367
timber wolf; 02115641 dingo; 02115913 dhole; 02119022 red fox; 02119789 kit fox; 02123045 tabby; 02123159 tiger cat; 02123394 Persian
cat; 02123597 Siamese cat; 02124075 Egyptian cat; 02125311 cougar; 02127052 lynx; 02128385 leopard; 02128757 snow leopard; 02128925
jaguar; 02129165 lion; 02129604 tiger; 02130308 cheetah; 02132136 brown bear; 02133161 American black bear; 02134084 ice bear; 02134418
sloth bear; 02137549 mongoose; 02138441 meerkat; 02165456 ladybug; 02190166 fly; 02206856 bee; 02219486 ant; 02226429 grasshopper;
02229544 cricket; 02233338 cockroach; 02236044 mantis; 02268443 dragonfly; 02279972 monarch; 02317335 starfish; 02319095 sea urchin;
02326432 hare; 02342885 hamster; 02346627 porcupine; 02356798 fox squirrel; 02361337 marmot; 02363005 beaver; 02364673 guinea pig;
02389026 sorrel; 02391049 zebra; 02395406 hog; 02396427 wild boar; 02397096 warthog; 02398521 hippopotamus; 02403003 ox; 02408429 water
buffalo; 02410509 bison; 02412080 ram; 02415577 bighorn; 02437312 Arabian camel; 02437616 llama; 02441942 weasel; 02445715 skunk;
02447366 badger; 02454379 armadillo; 02480495 orangutan; 02480855 gorilla; 02481823 chimpanzee; 02504013 Indian elephant; 02504458
African elephant; 02509815 lesser panda; 02510455 giant panda; 02690373 airliner; 02701002 ambulance; 02802426 basketball; 02808440
bathtub; 02823428 beer bottle; 02835271 bicycle-built-for-two; 02917067 bullet train; 02930766 cab; 02951358 canoe; 02979186 cassette
player; 02992529 cellular telephone; 03000684 chain saw; 03028079 church; 03063599 coffee mug; 03085013 computer keyboard; 03100240
convertible; 03180011 desktop computer; 03272010 electric guitar; 03345487 fire engine; 03393912 freight car; 03394916 French horn;
03417042 garbage truck; 03425413 gas pump; 03445777 golf ball; 03445924 golfcart; 03452741 grand piano; 03495258 harp; 03642806 laptop;
03670208 limousine; 03769881 minibus; 03770679 minivan; 03785016 moped; 03791053 motor scooter; 03792782 mountain bike; 03888257
parachute; 03895866 passenger car; 03930630 pickup; 04037443 racer; 04065272 recreational vehicle; 04146614 school bus; 04147183
schooner; 04252077 snowmobile; 04254680 soccer ball; 04285008 sports car; 04310018 steam locomotive; 04335435 streetcar; 04389033 tank;
04398044 teapot; 04409515 tennis ball; 04461696 tow truck; 04467665 trailer truck; 04487081 trolleybus; 04507155 umbrella; 04536866
violin; 04552348 warplane; 04591157 Windsor tie; 07697313 cheeseburger; 07697537 hotdog; 07720875 bell pepper; 07734744 mushroom;
07745940 strawberry; 07747607 orange; 07749582 lemon; 07753275 pineapple; 07753592 banana; 07873807 pizza; 07920052 espresso; 09193705
alp; 09472597 volcano; 13133613 ear
"""
_TITLES = dict(entry.split(" ", 1) for entry in " ".join(_KNOWN.split()).split("; "))


def class_title(name: str) -> str:
    """The class `name` as people read it: "cassette player (n02979186)" for a WordNet id that is known, else itself."""
    title = _TITLES.get(name[1:]) if name.startswith("n") else None
    return name if title is None else f"{title} ({name})"
