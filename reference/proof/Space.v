(* Spaces of arrays: a number, a pair, or an entry for each index; a parameter set is a tuple of such arrays.

   All that is needed of a space is addition, multiplication by a number, and the finite list of the numbers that a point
   holds: norm and inner product are sums over that list. Nothing is flattened. *)
From BPTT Require Import Sums.
From Coq Require Import List Reals Lra.
Import ListNotations.
Open Scope R_scope.

Record space := {
  point :> Type;
  #[canonical=no] vzero : point;
  #[canonical=no] vadd : point -> point -> point;
  #[canonical=no] vscale : R -> point -> point;
  #[canonical=no] coordinates : list (point -> R);
  #[canonical=no] coordinate_zero : forall c, In c coordinates -> c vzero = 0;
  #[canonical=no] coordinate_add : forall c, In c coordinates -> forall u v, c (vadd u v) = c u + c v;
  #[canonical=no] coordinate_scale : forall c, In c coordinates -> forall s v, c (vscale s v) = s * c v }.

Arguments vzero {V} : rename.
Arguments vadd {V} u v : rename.
Arguments vscale {V} r v : rename.
Arguments coordinate_zero {V} c : rename.
Arguments coordinate_add {V} c : rename.
Arguments coordinate_scale {V} c : rename.

Definition vsub {V : space} (u v : V) : V := vadd u (vscale (-1) v).
Definition norm {V : space} (v : V) : R := sum (coordinates V) (fun c => Rabs (c v)).
Definition dot {V : space} (u v : V) : R := sum (coordinates V) (fun c => c u * c v).
Definition vsum {V : space} {A : Type} (l : list A) (f : A -> V) : V := fold_right (fun i s => vadd (f i) s) vzero l.
Arguments vsum : simpl never.

(* Two points that hold the same numbers. *)
Definition same {V : space} (u v : V) : Prop := forall c, In c (coordinates V) -> c u = c v.

Lemma coordinate_sub {V : space} c : In c (coordinates V) -> forall u v, c (vsub u v) = c u - c v.
Proof. intros here u v. unfold vsub. rewrite coordinate_add, coordinate_scale by assumption. ring. Qed.

Lemma coordinate_sum {V : space} {A} c : In c (coordinates V) -> forall (l : list A) f, c (vsum l f) = sum l (fun i => c (f i)).
Proof.
  intros here l f. induction l; [apply coordinate_zero; auto |].
  rewrite sum_cons, <- IHl. apply coordinate_add. auto.
Qed.

(* Reads coordinates through the operations, for the coordinates among the hypotheses. *)
Ltac coords :=
  repeat first [rewrite coordinate_sub by assumption | rewrite coordinate_add by assumption | rewrite coordinate_scale by assumption
               | rewrite coordinate_zero by assumption | rewrite coordinate_sum by assumption].

Section Laws.
Context {V : space}.
Implicit Types u v w : V.

Lemma same_refl v : same v v.
Proof. easy. Qed.

Lemma same_sym u v : same u v -> same v u.
Proof. intros e c here. symmetry. auto. Qed.

Lemma same_trans u v w : same u v -> same v w -> same u w.
Proof. intros e d c here. rewrite e; auto. Qed.

Lemma coordinate_norm c v : In c (coordinates V) -> Rabs (c v) <= norm v.
Proof. intros here. apply (term_le_sum _ (fun c => Rabs (c v))); auto using Rabs_pos. Qed.

Lemma norm_nonneg v : 0 <= norm v.
Proof. apply sum_nonneg. auto using Rabs_pos. Qed.

Lemma norm_same u v : same u v -> norm u = norm v.
Proof. intros e. apply sum_ext. intros c here. now rewrite e. Qed.

Lemma norm_zero_same u v : norm (vsub u v) = 0 -> same u v.
Proof.
  intros z c here. pose proof (coordinate_norm c (vsub u v) here) as bound. rewrite z, coordinate_sub in bound by assumption.
  pose proof (Rabs_pos (c u - c v)). destruct (Req_dec (c u - c v) 0) as [e | e]; [lra | apply Rabs_pos_lt in e; lra].
Qed.

Lemma norm_self v : norm (vsub v v) = 0.
Proof. apply sum_zero_ext. intros c here. coords. rewrite Rminus_diag_eq, Rabs_R0; auto. Qed.

Lemma norm_add u v : norm (vadd u v) <= norm u + norm v.
Proof. unfold norm. rewrite <- sum_add. apply sum_le. intros c here. coords. apply Rabs_triang. Qed.

Lemma norm_scale s v : norm (vscale s v) = Rabs s * norm v.
Proof. unfold norm. rewrite <- sum_scale_l. apply sum_ext. intros c here. coords. apply Rabs_mult. Qed.

Lemma norm_between u v w : norm (vsub u w) <= norm (vsub u v) + norm (vsub v w).
Proof.
  rewrite <- norm_same with (u := vadd (vsub u v) (vsub v w)); [apply norm_add |].
  intros c here. coords. ring.
Qed.

Lemma dot_sym u v : dot u v = dot v u.
Proof. apply sum_ext. intros. ring. Qed.

Lemma dot_same u u' v v' : same u u' -> same v v' -> dot u v = dot u' v'.
Proof. intros e d. apply sum_ext. intros c here. now rewrite e, d. Qed.

Lemma dot_add_l u v w : dot (vadd u v) w = dot u w + dot v w.
Proof. unfold dot. rewrite <- sum_add. apply sum_ext. intros c here. coords. ring. Qed.

Lemma dot_add_r u v w : dot u (vadd v w) = dot u v + dot u w.
Proof. unfold dot. rewrite <- sum_add. apply sum_ext. intros c here. coords. ring. Qed.

Lemma dot_scale_l s u v : dot (vscale s u) v = s * dot u v.
Proof. unfold dot. rewrite <- sum_scale_l. apply sum_ext. intros c here. coords. ring. Qed.

Lemma dot_scale_r s u v : dot u (vscale s v) = s * dot u v.
Proof. now rewrite dot_sym, dot_scale_l, dot_sym. Qed.

Lemma dot_zero_l v : dot vzero v = 0.
Proof. apply sum_zero_ext. intros c here. coords. ring. Qed.

Lemma dot_zero_r v : dot v vzero = 0.
Proof. now rewrite dot_sym, dot_zero_l. Qed.

Lemma dot_sub_l u v w : dot (vsub u v) w = dot u w - dot v w.
Proof. unfold vsub. rewrite dot_add_l, dot_scale_l. ring. Qed.

Lemma dot_sum_l {A} (l : list A) f v : dot (vsum l f) v = sum l (fun i => dot (f i) v).
Proof. unfold dot. rewrite sum_swap. apply sum_ext. intros c here. coords. now rewrite <- sum_scale_r. Qed.

Lemma dot_sum_r {A} (l : list A) f v : dot v (vsum l f) = sum l (fun i => dot v (f i)).
Proof. rewrite dot_sym, dot_sum_l. apply sum_ext. intros. apply dot_sym. Qed.

Lemma dot_bound u v : Rabs (dot u v) <= norm u * norm v.
Proof.
  apply Rle_trans with (1 := sum_abs _ _). unfold norm at 2. rewrite <- sum_scale_l. apply sum_le. intros c here.
  rewrite Rabs_mult. apply Rmult_le_compat_r; auto using Rabs_pos, coordinate_norm.
Qed.

(* The inner product tells points apart: there is one gradient at most. *)
Lemma dot_same_all u v : (forall w, dot u w = dot v w) -> same u v.
Proof.
  intros e. assert (z : dot (vsub u v) (vsub u v) = 0) by (rewrite dot_sub_l, e; ring).
  intros c here.
  assert (le : c (vsub u v) * c (vsub u v) <= 0).
  { rewrite <- z. apply (term_le_sum _ (fun c => c (vsub u v) * c (vsub u v))); auto. intros. apply Rle_0_sqr. }
  rewrite coordinate_sub in le by assumption. pose proof (Rle_0_sqr (c u - c v)) as ge. unfold Rsqr in ge.
  assert (p : (c u - c v) * (c u - c v) = 0) by lra. apply Rmult_integral in p. lra.
Qed.
End Laws.

(* A number. *)
Definition Real : space.
Proof.
  refine {| point := R; vzero := 0; vadd := Rplus; vscale := Rmult; coordinates := [fun r => r] |}; simpl; intros c [<- | []]; reflexivity.
Defined.

(* Two arrays side by side. *)
Definition Pair (V W : space) : space.
Proof.
  refine {| point := V * W; vzero := (vzero, vzero);
            vadd := fun u v => (vadd (fst u) (fst v), vadd (snd u) (snd v));
            vscale := fun s v => (vscale s (fst v), vscale s (snd v));
            coordinates := map (fun c v => c (fst v)) (coordinates V) ++ map (fun c v => c (snd v)) (coordinates W) |};
    intros c; rewrite in_app_iff, !in_map_iff; intros [[d [<- here]] | [d [<- here]]]; intros; cbn; coords; reflexivity.
Defined.

(* One array for each index: a vector, a matrix (a vector of vectors), a series. *)
Definition Power (A : indices) (V : space) : space.
Proof.
  refine {| point := A -> V; vzero := fun _ => vzero;
            vadd := fun u v i => vadd (u i) (v i);
            vscale := fun s v i => vscale s (v i);
            coordinates := flat_map (fun i => map (fun c v => c (v i)) (coordinates V)) (listed A) |};
    intros c; rewrite in_flat_map; intros [i [_ e]]; rewrite in_map_iff in e; destruct e as [d [<- here]]; intros; cbn; coords; reflexivity.
Defined.

(* Nothing: the inputs of a system that has none. *)
Definition Nothing : space.
Proof.
  refine {| point := unit; vzero := tt; vadd := fun _ _ => tt; vscale := fun _ _ => tt; coordinates := [] |}; intros c [].
Defined.

Definition Vector (A : indices) : space := Power A Real.
Definition Matrix (A B : indices) : space := Power A (Power B Real).
Definition Series (T : nat) (V : space) : space := Power (below T) V.

Canonical Real.
Canonical Pair.
Canonical Power.
Canonical Nothing.

Lemma same_pair (V W : space) (u v : Pair V W) : same u v <-> same (fst u) (fst v) /\ same (snd u) (snd v).
Proof.
  split.
  - intros e; split; intros c here.
    + apply (e (fun v => c (fst v))). cbn. rewrite in_app_iff, in_map_iff. left. eauto.
    + apply (e (fun v => c (snd v))). cbn. rewrite in_app_iff, !in_map_iff. right. eauto.
  - intros [e f] c. cbn. rewrite in_app_iff, !in_map_iff. intros [[d [<- here]] | [d [<- here]]]; auto.
Qed.

Lemma same_power (A : indices) (V : space) (u v : Power A V) : same u v <-> forall i, In i A -> same (u i) (v i).
Proof.
  split.
  - intros e i listed c here. apply (e (fun v => c (v i))). cbn. apply in_flat_map. exists i. rewrite in_map_iff. eauto.
  - intros e c. cbn. rewrite in_flat_map. intros [i [listed h]]. apply in_map_iff in h. destruct h as [d [<- here]]. apply e; auto.
Qed.

Lemma same_real (u v : Real) : same u v <-> u = v.
Proof. split; [intros e; apply (e (fun r => r)); simpl; auto | intros ->; easy]. Qed.

Lemma norm_real (v : Real) : norm v = Rabs v.
Proof. unfold norm. simpl. rewrite sum_cons, sum_nil. ring. Qed.

Lemma norm_pair (V W : space) (v : Pair V W) : norm v = norm (fst v) + norm (snd v).
Proof. unfold norm. cbn. now rewrite sum_app, !sum_map. Qed.

Lemma norm_power (A : indices) (V : space) (v : Power A V) : norm v = sum A (fun i => norm (v i)).
Proof. unfold norm. cbn. rewrite sum_flat_map. apply sum_ext. intros. now rewrite sum_map. Qed.

Lemma dot_real (u v : Real) : dot u v = u * v.
Proof. unfold dot. simpl. rewrite sum_cons, sum_nil. ring. Qed.

Lemma dot_pair (V W : space) (u v : Pair V W) : dot u v = dot (fst u) (fst v) + dot (snd u) (snd v).
Proof. unfold dot. cbn. now rewrite sum_app, !sum_map. Qed.

Lemma dot_power (A : indices) (V : space) (u v : Power A V) : dot u v = sum A (fun i => dot (u i) (v i)).
Proof. unfold dot. cbn. rewrite sum_flat_map. apply sum_ext. intros. now rewrite sum_map. Qed.

(* Sums of arrays are taken entry by entry. *)
Lemma vsum_pair (V W : space) {A} (l : list A) (f : A -> Pair V W) :
  vsum l f = (vsum l (fun i => fst (f i)), vsum l (fun i => snd (f i))).
Proof. induction l; [reflexivity |]. unfold vsum in *. cbn in *. now rewrite IHl. Qed.

Lemma vsum_power (B : indices) (V : space) {A} (l : list A) (f : A -> Power B V) j : vsum l f j = vsum l (fun i => f i j).
Proof. induction l; [reflexivity |]. unfold vsum in *. cbn in *. now rewrite IHl. Qed.

Lemma vsum_real {A} (l : list A) (f : A -> Real) : vsum l f = sum l f.
Proof. reflexivity. Qed.
